import math

import numpy as np
import pytest

from harness.tracking.metrics_csv import METRICS, read_metrics, write_metrics


def test_metrics_are_a_row_an_epoch(tmp_path):
    rows = [
        (1, {"train/loss": 0.1, "validation/loss": math.inf}),
        (2, {"validation/loss": math.nan}),
    ]
    write_metrics(tmp_path, rows)
    assert (tmp_path / METRICS).read_text().splitlines() == [
        "epoch,train/loss,validation/loss",
        "1,0.1,inf",
        "2,,nan",
    ]


def test_numpy_numbers_are_written_as_numbers(tmp_path):
    write_metrics(tmp_path, [(1, {"a": np.float64(0.1), "b": np.float32(0.5)})])
    assert (tmp_path / METRICS).read_text().splitlines()[-1] == "1,0.1,0.5"


def test_a_column_that_was_not_in_the_first_row_is_a_mistake(tmp_path):
    with pytest.raises(ValueError, match="'b'"):
        write_metrics(tmp_path, [(1, {"a": 1.0}), (2, {"b": 1.0})])


def test_reading_metrics_back(tmp_path):
    write_metrics(tmp_path, [(1, {"a": 0.1, "b": np.inf}), (2, {"b": -1e-300})])
    columns = read_metrics(tmp_path / "metrics.csv")
    np.testing.assert_array_equal(columns["epoch"], [1, 2])
    np.testing.assert_array_equal(columns["a"], [0.1, np.nan])
    np.testing.assert_array_equal(columns["b"], [np.inf, -1e-300])
