from __future__ import annotations

import io

import numpy as np

from harness.execution.progress import Progress
from harness.training.records import Epoch, Result, Status


class Terminal(io.StringIO):
    def isatty(self):
        return True


def result(status, epochs, error=""):
    return Result("lr=1", "folder", ("lr=1",), {}, status, epochs, error=error)


def test_one_live_line_says_what_is_over_in_training_waiting_and_left(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("harness.execution.progress.time.monotonic", lambda: clock[0])
    shown = Terminal()
    progress = Progress(shown)
    progress.begin([10] * 8)
    progress.started(4)
    clock[0] = 10.0
    progress.epoch(Epoch((0, 1, 2, 3), (1, 1, 1, 1), {}), "first")
    line = shown.getvalue().rpartition("\x1b[2K")[2]
    # 4 of 80 epochs in 10 s: 190 s for the other 76
    assert line == "0 of 8 over, 4 in training, 4 waiting; 0.0 runs/s; at most 3:10 min left"
    progress.ended(result(Status.FAILED, 1, "it broke"), 10)
    progress.ended(result(Status.STOPPED_EARLY, 1), 10)
    clock[0] = 20.0
    progress.epoch(Epoch((2, 3), (2, 2), {}), "first")
    line = shown.getvalue().rpartition("\x1b[2K")[2]
    # 18 epochs will not be trained: 24 of 80 are behind us
    assert line.startswith("2 of 8 over (1 failed), 2 in training, 4 waiting; 0.1 runs/s;")
    assert line.endswith("at most 47 s left")


def test_the_live_line_goes_on_while_nothing_is_heard_of_the_runs(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("harness.execution.progress.time.monotonic", lambda: clock[0])
    shown = Terminal()
    progress = Progress(shown)
    progress.begin([10] * 3)
    progress.started(2)
    for clock[0] in (1.0, 1.05, 2.0):  # too soon for the second
        progress.refresh()
    lines = shown.getvalue().split("\r\x1b[2K")[1:]
    assert (
        lines
        == [
            "0 of 3 over, 2 in training, 1 waiting; 0.0 runs/s",
        ]
        * 2
    )
    log = io.StringIO()
    Progress(log).refresh()
    assert log.getvalue() == ""


def test_a_failing_job_is_shown_at_once_with_its_overrides():
    shown = io.StringIO()
    progress = Progress(shown)
    progress.begin([1, 1])
    progress.started(1)
    progress.ended(result(Status.FAILED, 0, "it broke"), 1)
    assert shown.getvalue() == "[1/2] lr=1: failed after 0 epochs, it broke\n"
    progress.end()
    assert "1 of 2 runs over, 1 failed in" in shown.getvalue()


def test_epochs_that_are_trained_again_are_left_again(monkeypatch):
    """A stack failed after an epoch: one of its runs fails alone, the other is trained to its end."""
    clock = [0.0]
    monkeypatch.setattr("harness.execution.progress.time.monotonic", lambda: clock[0])
    shown = Terminal()
    progress = Progress(shown)
    progress.begin([4, 4])
    progress.started(2)
    for clock[0], numbers in ((1.0, (1, 1)), (2.0, (2, 2))):
        progress.epoch(Epoch((0, 1), numbers, {}), "")
    progress.again(2)
    progress.ended(result(Status.FAILED, 0, "it broke"), 4)
    progress.again(2)
    for clock[0], number in ((3.0, 1), (4.0, 2), (5.0, 3)):
        progress.epoch(Epoch((1,), (number,), {}), "")
    # 7 of 8 epochs are behind us in 5 s
    assert shown.getvalue().endswith("at most 1 s left")


def test_the_live_line_fits_the_terminal_and_runs_that_are_well_have_no_line(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    shown = Terminal()
    progress = Progress(shown)
    progress.begin([3] * 5)
    progress.started(1)
    progress.refresh()
    assert len(shown.getvalue().rpartition("\x1b[2K")[2]) == 39
    progress.ended(result(Status.FINISHED, 3), 3)
    assert "\n" not in shown.getvalue()


def test_a_log_has_no_control_characters_and_no_line_an_epoch():
    shown = io.StringIO()
    progress = Progress(shown)
    progress.begin([2, 2])
    progress.started(2)
    for number in (1, 2):
        progress.epoch(Epoch((0, 1), (number, number), {"train/loss": np.ones(2)}), "first")
    assert shown.getvalue() == ""
    progress.ended(result(Status.FINISHED, 2), 2)
    assert "\x1b" not in shown.getvalue()


def test_a_run_alone_tells_of_its_epochs():
    shown = io.StringIO()
    progress = Progress(shown)
    progress.begin([2])
    progress.started(1)
    progress.epoch(Epoch((0,), (1,), {"train/loss": np.array([0.5])}), "adam")
    assert shown.getvalue() == "adam: epoch 1: train/loss 0.5\n"
