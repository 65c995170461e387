from __future__ import annotations

from dataclasses import asdict

import pytest

from harness.execution.result_file import read_result, result_of, write_result
from harness.training.records import Result, Status

RESULT = Result("a", "/runs/a", ("seed=1",), {"optimizer": "sgd"}, Status.DIVERGED, 3, 2)


def test_a_result_comes_back_equal(tmp_path):
    write_result(tmp_path / "new", asdict(RESULT))
    assert result_of(read_result(tmp_path / "new")) == RESULT


def test_that_it_was_skipped_is_said_beside_it(tmp_path):
    write_result(tmp_path, {**asdict(RESULT), "skipped": True})
    values = read_result(tmp_path)
    assert values["skipped"]
    assert result_of(values) == RESULT


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({}, KeyError),
        ({"status": "lost", "overrides": []}, ValueError),
        ({"status": "failed", "overrides": []}, TypeError),
    ],
)
def test_what_is_no_result_is_refused(values, error):
    with pytest.raises(error):
        result_of(values)


@pytest.mark.parametrize(("text", "error"), [("{", ValueError), (None, OSError)])
def test_a_file_that_is_not_whole_is_refused(text, error, tmp_path):
    if text is not None:
        (tmp_path / "result.json").write_text(text)
    with pytest.raises(error):
        read_result(tmp_path)
