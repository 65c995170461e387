"""Which runs are compared, from runs as a store gives them."""

from __future__ import annotations

import pytest

from harness.compare import source
from harness.compare.source import Source, select_runs
from harness.errors import ConfigurationError
from harness.execution.resume import write_identities
from harness.tracking.reading.logged_runs import LoggedRun


@pytest.fixture
def selected(monkeypatch):
    """The ids of the runs that are selected among these."""

    def go(*logged, sweeps=(), **options):
        def search(uri, experiment, tags, tag_names=None):
            return [run for run in logged if run.tags["kind"] == tags["kind"]]

        monkeypatch.setattr(source.logged_runs, "search_runs", search)
        runs, _ = select_runs(Source("sqlite:///a.db", "mine", tuple(sweeps), **options))
        return [run.run_id for run in runs]

    return go


def sweep(run_id, folder, *, tuned=False, continues=False, name=None):
    tags = {"kind": "sweep", "sweep": name or run_id, "folder": str(folder), "started": "today"}
    tags |= {"tuned": "true"} if tuned else {}
    tags |= {"continues": "true"} if continues else {}
    return LoggedRun(run_id, run_id, tags, "FINISHED")


def run(run_id, of, identity, phase=""):
    tags = {"kind": "run", "sweep": of.tags["sweep"], "folder": f"{of.tags['folder']}/0"}
    tags |= {"identity": identity, "status": "finished"} | ({"phase": phase} if phase else {})
    return LoggedRun(run_id, run_id, tags, "FINISHED")


def test_a_sweep_that_continues_nothing_has_its_own_runs_alone(selected, tmp_path):
    """Though a tuning before it has trained some of the same configurations."""
    tuning = sweep("tuning", tmp_path / "tuning", tuned=True)
    plain = sweep("plain", tmp_path / "plain")
    write_identities(tmp_path / "plain", "abcd", [""] * 4)
    before = [run(f"t{i}", tuning, i, "final") for i in "cd"]
    own = [run(f"p{i}", plain, i) for i in "abcd"]
    assert selected(tuning, plain, *before, *own) == ["pa", "pb", "pc", "pd"]
    assert selected(tuning, plain, *before, *own[:2]) == ["pa", "pb"]
    assert selected(tuning, plain, *before, *own, sweeps=["tuning"]) == ["tc", "td"]


def test_a_sweep_that_continues_takes_runs_of_its_own_phase(selected, tmp_path):
    first, tuning = sweep("first", tmp_path / "1"), sweep("tuning", tmp_path / "2", tuned=True)
    plain = sweep("plain", tmp_path / "3", continues=True)
    write_identities(tmp_path / "3", "abc", [""] * 3)
    runs = [
        run("1a", first, "a"),
        run("1x", first, "x"),
        run("2b", tuning, "b", "final"),
        run("3c", plain, "c"),
    ]
    assert selected(first, tuning, plain, *runs) == ["1a", "3c"]


def test_a_tuning_that_continues_takes_runs_of_the_phase_of_each_job(selected, tmp_path):
    plain = sweep("plain", tmp_path / "1")
    first = sweep("first", tmp_path / "2", tuned=True)
    second = sweep("second", tmp_path / "3", tuned=True, continues=True)
    runs = [
        run("1a", plain, "a"),
        run("2a", first, "a", "tuning"),
        run("2b", first, "b", "tuning"),
        run("2c", first, "c", "untuned"),
    ]
    write_identities(tmp_path / "3", "abc", ["tuning", "final", "untuned"])
    assert selected(plain, first, second, *runs) == ["2a", "2c"]
    (tmp_path / "3" / "identities.txt").unlink()
    write_identities(tmp_path / "3", "abc")  # as lists were before they had phases
    assert selected(plain, first, second, *runs) == ["2a", "2b", "2c"]


def test_sweeps_of_one_name_are_told_apart(selected, tmp_path):
    a = sweep("a", tmp_path / "projA/res/s1", name="res/s1")
    b = sweep("b", tmp_path / "projB/res/s1", name="res/s1")
    runs = [run("ax", a, "x"), run("by", b, "y")]
    assert selected(a, b, *runs) == ["by"]
    for name in (str(tmp_path / "projA/res/s1"), "a"):
        assert selected(a, b, *runs, sweeps=[name]) == ["ax"]
    assert selected(a, b, *runs, sweeps=["a", "b"]) == ["ax", "by"]
    with pytest.raises(ConfigurationError, match=r"2 sweeps are called 'res/s1'") as refused:
        selected(a, b, *runs, sweeps=["res/s1"])
    assert all(str(tmp_path / f"proj{p}/res/s1") in str(refused.value) for p in "AB")


def test_a_sweep_that_went_on_in_the_same_folder_is_the_one_that_is_meant(selected, tmp_path):
    folder = tmp_path / "res/s1"
    first = sweep("a", folder, name="res/s1")
    second = sweep("b", folder, name="res/s1", continues=True)
    write_identities(folder, "xy", ["", ""])
    runs = [run("ax", first, "x"), run("by", second, "y")]
    assert sorted(selected(first, second, *runs, sweeps=["res/s1"])) == ["ax", "by"]
