"""JSON reads back as it was."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from pandas.testing import assert_frame_equal

import comparisons
from harness.compare.report.csv_files import frames_of
from harness.compare.report.document import decode, encode

ALL = [name for name in comparisons.__all__ if name != "HOSTILE"]


@pytest.mark.parametrize("name", ALL)
def test_json_reads_back_as_it_was(name):
    comparison = getattr(comparisons, name)()
    back = decode(encode(comparison))
    assert (back.question, back.contenders, back.tasks) == (
        comparison.question,
        comparison.contenders,
        comparison.tasks,
    )
    assert (back.paired, back.caveats, back.provenance) == (
        comparison.paired,
        comparison.caveats,
        comparison.provenance,
    )
    for frame, expected in frames_of(comparison).items():
        assert_frame_equal(getattr(back, frame), expected, check_dtype=len(expected) > 0)


def test_json_has_no_literals_that_json_does_not_know():
    def refuse(literal):
        raise AssertionError(literal)

    document = json.loads(encode(comparisons.three_on_two()), parse_constant=refuse)
    frame = document["frames"]["outcomes"]
    names = [column["name"] for column in frame["columns"]]
    lost = next(row for row in frame["rows"] if row[names.index("diverged")])
    assert lost[names.index("test")] is None
    assert lost[names.index("steps")] == "inf"
    assert frame["columns"][names.index("steps")]["type"] == "number"


def test_values_of_several_kinds_text_called_inf_and_numpys_numbers_survive():
    comparison = comparisons.two_optimizers()
    trials = comparison.trials.head(3).assign(
        mixed=[1, "a", None], hidden=["inf", "nan", "16"], none=[None, None, "x"]
    )
    provenance = {"score": np.float64(math.inf), "runs": np.int64(3), "deep": {"a": (1, math.nan)}}
    back = decode(encode(replace(comparison, trials=trials, provenance=provenance)))
    assert back.trials["hidden"].tolist() == ["inf", "nan", "16"]
    assert back.trials["mixed"].tolist() == [1, "a", None]
    assert back.trials["none"].isna().tolist() == [True, True, False]
    assert back.provenance == {"score": "inf", "runs": 3, "deep": {"a": [1, None]}}


@pytest.mark.parametrize("text", ["[]", "{}", '{"format": "harness comparison 0"}'])
def test_another_document_is_refused(text):
    with pytest.raises(ValueError, match="harness comparison 1"):
        decode(text)
