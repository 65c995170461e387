"""Which sweep trained a run, where names or folders repeat."""

from __future__ import annotations

from harness.sweep.membership import runs_by_sweep
from harness.tracking.reading.logged_runs import LoggedRun


def sweep(run_id, folder, started_ms=0):
    tags = {"sweep": "/".join(folder.split("/")[-2:]), "folder": folder}
    return LoggedRun(run_id, run_id, tags, "FINISHED", started_ms=started_ms)


def run(run_id, folder, started_ms=0, name="res/s1"):
    return LoggedRun(run_id, run_id, {"sweep": name, "folder": folder}, "FINISHED", "", started_ms)


def members(sweeps, *runs):
    return {
        sweep_id: [run.run_id for run in of_sweep]
        for sweep_id, of_sweep in runs_by_sweep(sweeps, runs).items()
    }


def test_a_run_belongs_to_the_sweep_whose_folder_holds_its_own():
    sweeps = [sweep("a", "/projA/res/s1"), sweep("b", "/projB/res/s1")]
    runs = [run("x", "/projA/res/s1/0"), run("y", "/projB/res/s1/0"), run("z", "/projC/res/s1/0")]
    assert members(sweeps, *runs) == {"a": ["x"], "b": ["y"]}


def test_a_folder_whose_name_begins_like_another_is_another():
    sweeps = [sweep("a", "/out/res/s1"), sweep("b", "/out/res/s1/res/s1")]
    assert members(sweeps, run("x", "/out/res/s10/0")) == {"a": [], "b": []}


def test_of_a_folder_used_twice_the_start_tells():
    sweeps = [sweep("a", "/out/res/s1", 100), sweep("b", "/out/res/s1", 200)]
    runs = [run(str(ms), "/out/res/s1/0", ms) for ms in (100, 199, 200, 300, 50)]
    assert members(sweeps, *runs) == {"a": ["100", "199", "50"], "b": ["200", "300"]}


def test_a_name_that_does_not_repeat_is_enough():
    assert members([sweep("a", "/moved/res/s1")], run("x", "/elsewhere/0")) == {"a": ["x"]}


def test_runs_without_a_sweep_belong_to_none():
    alone = LoggedRun("x", "x", {"folder": "/out/res/s1/0"}, "FINISHED")
    assert members([sweep("a", "/out/res/s1")], alone) == {"a": []}
