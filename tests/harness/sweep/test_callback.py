"""What the callback makes of a configuration, and of the results in a sweep's folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from harness.configuration.settings import Tracking
from harness.sweep import callback, summary
from harness.sweep.callback import SweepCallback
from harness.sweep.outcome import SweepOutcome, awaited_sweeps
from harness.training.records import Status

SWEEPERS = "hydra_plugins.harness_sweepers."


def config(folder, sweeper="grid.GridSweeper", **changed):
    return OmegaConf.create(
        {
            "hydra": {
                "sweep": {"dir": str(folder)},
                "sweeper": {"_target_": SWEEPERS + sweeper, "params": None},
                "launcher": {"_target_": "hydra_plugins.harness_launchers.fused.FusedLauncher"},
                "overrides": {"task": ["seed=0,1", "tracking.uri=postgresql://ada:secret@db/lab"]},
            },
            "tracking": OmegaConf.structured(Tracking()),
            "skip_finished": False,
            **changed,
        }
    )


@pytest.mark.parametrize(
    ("sweeper", "jobs", "continues", "tags"),
    [
        ("grid.GridSweeper", 6, False, {"jobs": "6"}),
        ("points.PointsSweeper", None, False, {}),
        ("tuned.TunedSweeper", None, True, {"tuned": "true", "continues": "true"}),
    ],
)
def test_the_sweeps_own_run_says_what_the_sweep_is(sweeper, jobs, continues, tags):
    sweep = SweepOutcome(Path("/sweeps/2025-01-02/03-04-05"), 0, "harness train -m", "", jobs)
    run = callback._own_run(config(sweep.folder, sweeper, skip_finished=continues), sweep)
    assert run.name == "sweep 2025-01-02/03-04-05"
    assert run.key == run.tags["folder"] == str(sweep.folder)
    assert (run.tags["kind"], run.tags["sweep"]) == ("sweep", "2025-01-02/03-04-05")
    assert {t: run.tags[t] for t in ("tuned", "continues", "jobs") if t in run.tags} == tags
    assert run.params == {"overrides": "seed=0,1 tracking.uri=postgresql://db/lab"}


def test_a_sweep_is_announced_with_its_folder_and_files_of_an_earlier_one_go(tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(callback, "open_sweep", opened.append)
    monkeypatch.setattr(callback, "_count_jobs", lambda config: 2)
    for name in ("identities.txt", "tuning.json", "table.csv"):
        (tmp_path / name).touch()
    with awaited_sweeps() as sweeps:
        SweepCallback().on_multirun_start(config(tmp_path))
    (sweep,), (run,) = sweeps, opened
    assert (sweep.folder, sweep.jobs, sweep.summed_up) == (tmp_path, 2, False)
    assert run.tags["command"] == sweep.command
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


@pytest.fixture
def ended(tmp_path, monkeypatch):
    """A callback after the last job of a sweep of so many jobs, with results of these statuses."""

    def end(jobs, *statuses):
        results = [{"status": status} for status in statuses]
        monkeypatch.setattr(summary, "read_results", lambda folder, since: results)
        hook = SweepCallback()
        hook._sweep = SweepOutcome(tmp_path, 0, "harness train -m seed=0,1", "", jobs)
        return hook

    return end


def test_runs_that_failed_or_left_nothing_are_counted(ended, tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(SweepCallback, "_sum_up", lambda *arguments: shown.append(arguments[-1]))
    hook = ended(4, Status.FINISHED, Status.FAILED)
    hook.on_multirun_end(config(tmp_path))
    assert (hook._sweep.failed, hook._sweep.summed_up) == (3, True)
    assert shown[0]["runs"] == 4


def test_what_goes_wrong_at_the_end_leaves_the_sweep_without_success(ended, tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError("the disk is full")

    monkeypatch.setattr(SweepCallback, "_sum_up", full)
    hook = ended(1, Status.FINISHED)
    with pytest.raises(OSError, match="the disk is full"):  # of which Hydra makes a warning
        hook.on_multirun_end(config(tmp_path))
    assert not hook._sweep.succeeded


def test_a_search_that_was_complete_already_succeeds_without_a_word(ended, tmp_path, capsys):
    hook = ended(None)
    hook.on_multirun_end(config(tmp_path))
    assert hook._sweep.succeeded
    assert capsys.readouterr().out == ""


def test_runs_are_called_after_what_differs_and_else_after_the_optimizer():
    result = {"overrides": ["optimizer=sgd", "seed=0"], "names": {"optimizer": "sgd"}}
    assert callback._label(result, ["optimizer", "phase"]) == "sgd "
    assert callback._label(result, []) == "sgd"
