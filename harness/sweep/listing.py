"""`harness sweeps`: the sweeps of an experiment, how far each is, and the command that completes it.

A job of a sweep is finished if its identity has a finished run anywhere in the experiment. So when a
sweep completes an interrupted one, both are complete.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from harness.errors import TrackingError
from harness.execution.resume import DONE, read_identities
from harness.sweep.command_lines import completing
from harness.sweep.membership import not_replaced, runs_by_sweep
from harness.tracking import journal
from harness.tracking.events import RunStarted
from harness.tracking.reading import logged_runs
from harness.tracking.reading.logged_runs import LoggedRun
from harness.training.records import Status

__all__ = ["Sweep", "as_json", "completion_of", "show", "sweeps"]

COUNTS = ("runs", "finished", "diverged", "failed", "missing")
HEADER = ("sweep", "started", *COUNTS, "state")


@dataclass(frozen=True)
class Sweep:
    """A sweep, and how many of its jobs ended in which way.

    Attributes:
        sweep: Name of the sweep: its date and time.
        started: When it started.
        runs: Number of its jobs, as far as it is known: a search decides that as it goes.
        finished: Jobs whose run was finished, stopped early or dropped.
        diverged: Jobs whose run diverged.
        failed: Jobs whose run failed.
        missing: Jobs without a run that is over; runs that were interrupted are not over.
        state: "complete"; "running", as far as the store knows (it is not told when a machine goes
            down); "interrupted"; "incomplete" where runs failed.
        complete_with: Command that trains what is not finished; "" where nothing is left to do.
    """

    sweep: str
    started: str
    runs: int
    finished: int
    diverged: int
    failed: int
    missing: int
    state: str
    complete_with: str


def sweeps(uri: str, experiment: str) -> list[Sweep]:
    """The sweeps of an experiment, oldest first. Raises TrackingError if the store cannot be read."""
    logged = logged_runs.search_runs(uri, experiment)
    runs = [run for run in logged if run.tags.get("kind") == "run"]
    outcomes = _outcomes(runs)
    all_sweeps = [run for run in logged if run.tags.get("kind") == "sweep"]
    trained = {
        sweep: [_identity(run) for run in members]
        for sweep, members in runs_by_sweep(all_sweeps, runs).items()
    }
    sweep_runs = not_replaced(all_sweeps)
    commands = {run.run_id: completion_of(run) for run in sweep_runs}
    jobs = {run.run_id: int(run.tags["jobs"]) for run in sweep_runs if "jobs" in run.tags}
    identities: dict[str, list[str]] = {}  # of the jobs of each sweep
    by_command: dict[str, list[str]] = {}  # of the jobs of all sweeps with the same command
    for run in sweep_runs:
        identities[run.run_id] = _joined(
            read_identities(run, uri), trained[run.run_id], jobs.get(run.run_id)
        )
        by_command.setdefault(commands[run.run_id], []).extend(identities[run.run_id])
    ended = {commands[run.run_id] for run in sweep_runs if run.status == "FINISHED"}
    listed = []
    for run in sweep_runs:
        command, of_jobs = commands[run.run_id], identities[run.run_id]
        if run.run_id in jobs:
            # Jobs that had not begun are known from a sweep that completed this one
            of_jobs = _joined(of_jobs, by_command[command], jobs[run.run_id])
        count = jobs.get(run.run_id, len(of_jobs))
        has_all_jobs = run.run_id in jobs or command in ended
        listed.append(_sweep(run, count, of_jobs, outcomes, command, has_all_jobs))
    return listed


def _joined(identities: list[str], more: Iterable[str], jobs: int | None) -> list[str]:
    """Identities and more that are not among them: as many as there are jobs, where that is known."""
    if jobs is not None and len(identities) > jobs:
        # Written twice: a machine died, and its jobs were tried again
        identities = list(dict.fromkeys(identities))
    present = set(identities)
    return [*identities, *(i for i in dict.fromkeys(more) if i not in present)][:jobs]


def _outcomes(runs: Iterable[LoggedRun]) -> dict[str, str]:
    """How the runs of each identity ended. A run that is done counts, however the others ended."""
    outcomes: dict[str, str] = {}
    for run in runs:
        status, identity = run.tags.get("status"), _identity(run)
        if status in DONE:
            outcomes[identity] = "diverged" if status == Status.DIVERGED else "finished"
        elif status == Status.FAILED:
            outcomes.setdefault(identity, "failed")
    return outcomes


def _sweep(
    run: LoggedRun,
    jobs: int,
    identities: list[str],
    outcomes: dict[str, str],
    command: str,
    has_all_jobs: bool,
) -> Sweep:
    """A line of the list.

    Args:
        run: The sweep's own run.
        jobs: Number of its jobs.
        identities: Identities of its jobs, as far as they are known.
        outcomes: How the runs of each identity ended.
        command: Command that completes it.
        has_all_jobs: Whether no more jobs will be asked for, as an interrupted search would.
    """
    counts = Counter(outcomes.get(identity, "missing") for identity in identities)
    counts["missing"] += jobs - len(identities)
    complete = has_all_jobs and not counts["missing"] + counts["failed"]
    if complete:
        state = "complete"
    else:
        state = {"RUNNING": "running", "KILLED": "interrupted"}.get(run.status, "incomplete")
    return Sweep(
        sweep=run.tags.get("sweep", run.name),
        started=run.tags.get("started", ""),
        runs=jobs,
        finished=counts["finished"],
        diverged=counts["diverged"],
        failed=counts["failed"],
        missing=counts["missing"],
        state=state,
        complete_with="" if complete else command,
    )


def _identity(run: LoggedRun) -> str:
    return run.tags.get("identity", run.run_id)


def completion_of(run: LoggedRun) -> str:
    """The command that completes a sweep, from the sweep's own run; "" where it cannot be known.

    MLflow cuts long tags; the journal in the sweep's folder has the whole command.
    """
    command = run.tags.get("command", "")
    if command.endswith("…"):
        command = ""
        try:
            event = journal.JournalReader(Path(run.tags.get("folder", ""))).read()[0]
        except (OSError, TrackingError, IndexError):
            event = None
        if isinstance(event, RunStarted):
            command = event.tags["command"]
    return completing(command) if command else ""


def show(listed: list[Sweep], stream: TextIO) -> None:
    """Prints a table, then the commands: in columns on a terminal, tab-separated elsewhere."""
    lines = [[str(getattr(sweep, name)) for name in HEADER] for sweep in listed]
    if not stream.isatty():
        print("\t".join([*HEADER, "complete with"]), file=stream)
        for sweep, line in zip(listed, lines, strict=True):
            print("\t".join([*line, sweep.complete_with]), file=stream)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(*HEADER, box=None, padding=(0, 1, 0, 0))
    for line in lines:
        table.add_row(*line)
    Console(file=stream).print(table)
    for sweep in listed:
        if sweep.complete_with:
            # The command has its own line: a terminal that wraps it still copies it whole
            print(f"\n{sweep.sweep} is {sweep.state}. Complete it with:", file=stream)
            print(f"  {sweep.complete_with}", file=stream)


def as_json(listed: list[Sweep]) -> str:
    """The list for programs, as JSON text."""
    return json.dumps([asdict(sweep) for sweep in listed], indent=1)
