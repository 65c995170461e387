"""The counts of `harness sweeps`, from runs as a store gives them."""

from __future__ import annotations

import io
import json
import re

import pytest

from harness.execution.resume import write_identities
from harness.sweep import listing
from harness.sweep.command_lines import program
from harness.tracking import journal
from harness.tracking.events import RunStarted
from harness.tracking.reading.logged_runs import LoggedRun

COMMAND = "harness train -m seed=0,1,2"


def run(sweep, identity, status=None):
    tags = {"kind": "run", "sweep": sweep, "identity": identity}
    if status:
        tags["status"] = status
    return LoggedRun("r", "run", tags, "FINISHED")


def sweep_run(sweep, jobs, status="FINISHED", command=COMMAND, folder=None):
    tags = {"kind": "sweep", "sweep": sweep, "command": command, "folder": str(folder or sweep)}
    tags |= {"started": "2025-01-02 03:04:05"} | ({"jobs": str(jobs)} if jobs is not None else {})
    return LoggedRun(sweep, f"sweep {sweep}", tags, status)


@pytest.fixture
def listed(monkeypatch):
    def go(*runs):
        def logged(uri, experiment):
            assert (uri, experiment) == ("sqlite:///a.db", "mine")
            return list(runs)

        monkeypatch.setattr(listing.logged_runs, "search_runs", logged)
        return {sweep.sweep: sweep for sweep in listing.sweeps("sqlite:///a.db", "mine")}

    return go


def counts(sweep):
    return sweep.runs, sweep.finished, sweep.diverged, sweep.failed, sweep.missing, sweep.state


def test_runs_are_counted_by_how_they_ended(listed):
    statuses = ["finished", "stopped_early", "dropped", "diverged", "failed", "interrupted", None]
    runs = [run("a", str(number), status) for number, status in enumerate(statuses)]
    (sweep,) = listed(sweep_run("a", 9), *runs).values()
    assert counts(sweep) == (9, 3, 1, 1, 4, "incomplete")
    assert sweep.complete_with == f"{program()} train -m seed=0,1,2 skip_finished=true"
    assert sweep.started == "2025-01-02 03:04:05"


@pytest.mark.parametrize(
    ("status", "state"),
    [("RUNNING", "running"), ("KILLED", "interrupted"), ("FAILED", "incomplete")],
)
def test_the_state_of_an_unfinished_sweep(status, state, listed):
    assert listed(sweep_run("a", 2, status), run("a", "x", "finished"))["a"].state == state


def test_a_sweep_whose_runs_are_all_done_needs_no_command(listed):
    sweep = listed(
        sweep_run("a", 2, "KILLED"), run("a", "x", "finished"), run("a", "y", "diverged")
    )["a"]
    assert (sweep.state, sweep.complete_with) == ("complete", "")


def test_a_run_that_failed_and_was_run_again_counts_once(listed):
    for first, second in (("failed", "finished"), ("finished", "failed")):
        sweep = listed(sweep_run("a", 1), run("a", "x", first), run("b", "x", second))["a"]
        assert counts(sweep) == (1, 1, 0, 0, 0, "complete")


def test_a_sweep_and_the_one_that_completed_it_are_both_complete(listed, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    write_identities(first, "xyz")
    write_identities(second, "xyz")
    runs = [run("a", "x", "finished"), run("a", "y", "failed")]
    later = [run("b", "y", "finished"), run("b", "z", "finished")]
    skipping = COMMAND + " skip_finished=true"
    before = sweep_run("a", 3, "KILLED", folder=first)
    assert counts(listed(before, *runs)["a"]) == (3, 1, 0, 1, 1, "interrupted")
    sweeps = listed(before, sweep_run("b", 3, command=skipping, folder=second), *runs, *later)
    assert counts(sweeps["a"]) == counts(sweeps["b"]) == (3, 3, 0, 0, 0, "complete")


def test_jobs_that_had_not_begun_are_known_from_the_sweep_that_completed_it(listed, tmp_path):
    """The basic launcher knows the identity of a job when it begins."""
    write_identities(tmp_path / "a", "x")
    write_identities(tmp_path / "b", "xyz")
    runs = [run("a", "x", "finished"), *(run("b", i, "finished") for i in "yz")]
    first = sweep_run("a", 3, "KILLED", folder=tmp_path / "a")
    sweeps = listed(first, sweep_run("b", 3, folder=tmp_path / "b"), *runs)
    assert counts(sweeps["a"]) == (3, 3, 0, 0, 0, "complete")
    other = sweep_run("b", 3, command="harness train -m seed=5,6,7", folder=tmp_path / "b")
    assert counts(listed(first, other, *runs)["a"]) == (3, 1, 0, 0, 2, "interrupted")


def test_equal_jobs_of_one_sweep_count_each(listed, tmp_path):
    write_identities(tmp_path, ["x", "x", "y"])
    sweep = listed(sweep_run("a", 3, folder=tmp_path), run("a", "x", "finished"))["a"]
    assert counts(sweep) == (3, 2, 0, 0, 1, "incomplete")


def test_jobs_that_were_tried_twice_count_once(listed, tmp_path):
    """A stack whose machine died is trained again elsewhere, and writes its identities again."""
    write_identities(tmp_path, ["x", "y", "x", "y"])
    runs = [run("a", "x", "finished"), run("a", "y", "finished"), run("a", "z", "failed")]
    sweep = listed(sweep_run("a", 3, folder=tmp_path), *runs)["a"]
    assert counts(sweep) == (3, 2, 0, 1, 0, "incomplete")


def test_identities_written_on_another_machine_are_known_from_the_runs(listed, tmp_path):
    write_identities(tmp_path, "x")
    runs = [run("a", identity, "finished") for identity in "xyz"]
    sweep = listed(sweep_run("a", 4, "RUNNING", folder=tmp_path), *runs)["a"]
    assert counts(sweep) == (4, 3, 0, 0, 1, "running")


def test_a_search_that_was_interrupted_is_not_complete_with_what_it_had_asked_for(listed):
    """Nobody knows how many runs it was going to ask for."""
    done = run("a", "x", "finished")
    sweep = listed(sweep_run("a", None, "KILLED"), done)["a"]
    assert counts(sweep) == (1, 1, 0, 0, 0, "interrupted")
    assert sweep.complete_with
    sweeps = listed(sweep_run("a", None, "KILLED"), sweep_run("b", 1), done)
    assert sweeps["a"].state == "complete"


def test_a_sweep_that_went_on_in_its_own_folder_is_one_sweep(listed, tmp_path):
    write_identities(tmp_path, "xy")
    runs = [run("a", "x", "finished"), run("a", "y", "finished")]
    sweeps = listed(
        sweep_run("a", 2, "KILLED", folder=tmp_path), sweep_run("a", 2, folder=tmp_path), *runs
    )
    assert counts(sweeps["a"]) == (2, 2, 0, 0, 0, "complete")
    assert len(sweeps) == 1


def test_a_command_that_mlflow_has_cut_is_read_from_the_journal(listed, tmp_path):
    command = f"harness train -m seed={','.join(map(str, range(3000)))}"
    event = RunStarted("a", str(tmp_path), "mine", "sweep a", 0, {"command": command})
    journal.begin(tmp_path, event)
    cut = command[:7999] + "…"
    sweep = listed(sweep_run("a", 3000, "KILLED", command=cut, folder=tmp_path))["a"]
    assert sweep.complete_with.endswith(",2999 skip_finished=true")
    sweep = listed(sweep_run("a", 3000, "KILLED", command=cut, folder=tmp_path / "gone"))["a"]
    assert sweep.complete_with == ""  # better than half of it


def test_elsewhere_than_on_a_terminal_the_table_is_tab_separated(listed):
    stream = io.StringIO()
    listing.show(
        list(listed(sweep_run("a", 2, "KILLED"), run("a", "x", "diverged")).values()), stream
    )
    header, line = (line.split("\t") for line in stream.getvalue().splitlines())
    names = ["sweep", "started", "runs", "finished", "diverged", "failed", "missing", "state"]
    assert header == [*names, "complete with"]
    assert line[:-1] == ["a", "2025-01-02 03:04:05", "2", "0", "1", "0", "1", "interrupted"]
    assert line[-1] == f"{program()} train -m seed=0,1,2 skip_finished=true"


def test_on_a_terminal_the_table_fits_and_the_command_is_whole(listed, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("COLUMNS", "100")
    sweep = "2025-01-02/03-04-05-123456"
    stream = Terminal()
    command = f"harness train -m seed={','.join(map(str, range(100)))}"
    sweeps = listed(sweep_run(sweep, 4500, "KILLED", command=command), run(sweep, "x", "finished"))
    listing.show(list(sweeps.values()), stream)
    lines = re.sub(r"\x1b\[\d+m", "", stream.getvalue()).splitlines()
    table = [line for line in lines if "  " in line and "seed" not in line]
    assert max(map(len, table)) <= 100
    assert any(
        line.startswith(sweep) and "4499" in line and "interrupted" in line for line in lines
    )
    assert f"  {sweeps[sweep].complete_with}" in lines


def test_json_has_all_of_it(listed):
    (sweep,) = json.loads(listing.as_json(list(listed(sweep_run("a", 0)).values())))
    assert sweep["sweep"] == "a"
    assert sweep["state"] == "complete"
