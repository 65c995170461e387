from __future__ import annotations

import pytest

from harness.errors import TrackingError
from harness.tracking.events import Curves, RunEnded, from_line, to_line
from harness.tracking.metrics_csv import write_metrics
from harness.tracking.writing.log_batch import JournalCursor
from harness.tracking.writing.run_end import log_run_end


@pytest.mark.parametrize(
    ("against", "name"), [("rate", "rate_range.png"), ("epoch", "learning_curves.png")]
)
def test_the_end_of_a_run_says_which_picture_it_is(tmp_path, against, name):
    """Through the journal, as the writer reads it."""
    folder, target = tmp_path / "run", tmp_path / "store"
    folder.mkdir()
    write_metrics(
        folder, [(epoch, {"train/loss": 1 / epoch, "train/lr": epoch}) for epoch in (1, 2)]
    )
    curves = Curves([("a", "metrics.csv")], against=against)
    event = from_line(to_line(RunEnded("a", "finished", 0, curves=curves)))
    log_run_end("", JournalCursor(folder, artifact_uri=f"file://{target}"), event)
    assert [path.name for path in target.iterdir()] == [name]
    assert (folder / name).exists()


@pytest.mark.parametrize("part", ["artifact", "picture", "curve"])
def test_a_journal_from_elsewhere_cannot_name_files_outside_its_folder(tmp_path, part):
    """`harness log` may be given a folder that somebody else made."""
    secret = tmp_path / "secret.csv"
    secret.write_text("epoch,train/loss\n1,1.0\n")
    fields = {
        "artifact": {"artifacts": ["../secret.csv"]},
        "picture": {"curves": Curves([("a", "metrics.csv")], name="../picture.png")},
        "curve": {"curves": Curves([("a", str(secret))])},
    }
    folder, target = tmp_path / "run", tmp_path / "store"
    folder.mkdir()
    write_metrics(folder, [(1, {"train/loss": 1.0})])
    event = RunEnded("a", "finished", 0, **fields[part])
    with pytest.raises(TrackingError, match="outside that folder"):
        log_run_end("", JournalCursor(folder, artifact_uri=f"file://{target}"), event)
    assert not target.exists()
    assert not (tmp_path / "picture.png").exists()
