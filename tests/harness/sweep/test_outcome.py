"""Who hears of a sweep, and for how long."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import application
from harness.sweep.outcome import SweepOutcome, announce, awaited_sweeps


def outcome(**changed):
    command = "harness train -m seed=0,1"
    return SweepOutcome(Path("/sweep"), 0, command, f"{command} skip_finished=true", **changed)


def test_a_sweep_is_announced_to_the_innermost_that_waits_and_to_nobody_else():
    sweep, other = outcome(), outcome()
    announce(other)  # nobody waits
    with awaited_sweeps() as outer:
        with awaited_sweeps() as inner:
            announce(sweep)
        announce(other)
    assert (inner, outer) == ([sweep], [other])
    with awaited_sweeps() as later:
        pass
    assert later == []


@pytest.mark.parametrize(
    ("failed", "summed_up", "succeeded"),
    [(0, True, True), (1, True, False), (0, False, False)],
)
def test_a_sweep_succeeds_if_no_run_failed_and_it_came_to_its_end(failed, summed_up, succeeded):
    assert outcome(failed=failed, summed_up=summed_up).succeeded is succeeded


@pytest.mark.parametrize(
    ("sweep", "run_failed", "status"),
    [
        (None, False, 0),
        (None, True, 1),
        (outcome(summed_up=True), False, 0),
        (outcome(summed_up=True, failed=2), False, 1),
        (outcome(summed_up=False), False, 1),  # Hydra only warned of an error at the end
    ],
)
def test_the_exit_status_is_that_of_this_sweep_and_its_runs(sweep, run_failed, status, monkeypatch):
    def train(arguments):
        if sweep is not None:
            announce(sweep)
        return run_failed

    monkeypatch.setattr(application, "_train", train)
    assert application.train(["seed=0"]) == status
    assert application.tune(["seed=0"]) == (status, None if sweep is None else Path("/sweep"))


def test_an_interrupted_sweep_says_what_completes_it(monkeypatch):
    def train(arguments):
        announce(outcome())
        raise KeyboardInterrupt

    monkeypatch.setattr(application, "_train", train)
    with pytest.raises(KeyboardInterrupt) as stop:
        application.train(["-m", "seed=0,1"])
    (note,) = stop.value.__notes__
    assert note.endswith(": harness train -m seed=0,1 skip_finished=true")
