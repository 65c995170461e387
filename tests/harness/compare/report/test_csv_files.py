"""CSV files hold the frames."""

from __future__ import annotations

from pandas import read_csv
from pandas.testing import assert_frame_equal

import comparisons
from harness.compare.report.csv_files import frames_of, write_csv


def test_csv_files_hold_every_frame_with_rows_in_full_precision(tmp_path):
    comparison = comparisons.three_on_two()
    paths = write_csv(comparison, tmp_path)
    frames = {name: frame for name, frame in frames_of(comparison).items() if len(frame)}
    assert [path.name for path in paths] == [f"{name}.csv" for name in frames]
    for path, frame in zip(paths, frames.values(), strict=True):
        back = read_csv(path)
        assert_frame_equal(back, frame, check_dtype=False, check_exact=True)
    assert {"outcomes", "trials", "curves", "summary", "times", "pairs"} <= set(frames)
