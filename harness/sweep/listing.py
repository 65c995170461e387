"""`harness sweeps`: the sweeps of an experiment, what each has done, and what completes it.

A job of a sweep is finished if its identity has a finished run anywhere in the experiment. So when an
interrupted sweep is completed by another one, both are complete.
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
    """How the runs of a sweep stand.

    finished: done what they were asked to, stopped early or dropped included, but for the diverged.
    missing: no run of theirs is over, as far as it is known how many there are to be; a search decides
    that as it goes. Those that were interrupted in training are among them. state: "complete";
    "running", as far as the store knows (where the machine went down, nobody told it); "interrupted";
    "incomplete" where runs failed. complete_with: the command that trains what is not finished, empty
    where nothing is left to do.
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
    trained: dict[str, list[str]] = {}
    for run in runs:
        trained.setdefault(run.tags.get("sweep", ""), []).append(_identity(run))
    # By folder: a sweep that went on in the folder of an earlier one took its place
    own = {
        run.tags.get("folder", run.run_id): run for run in logged if run.tags.get("kind") == "sweep"
    }
    commands = {folder: completion_of(run) for folder, run in own.items()}
    jobs = {folder: int(run.tags["jobs"]) for folder, run in own.items() if "jobs" in run.tags}
    known: dict[str, list[str]] = {}  # folder -> identities of the jobs
    alike: dict[str, list[str]] = {}  # command -> those of all sweeps with it
    for folder, run in own.items():
        known[folder] = _joined(
            read_identities(run, uri), trained.get(run.tags.get("sweep", ""), []), jobs.get(folder)
        )
        alike.setdefault(commands[folder], []).extend(known[folder])
    ended = {commands[folder] for folder, run in own.items() if run.status == "FINISHED"}
    found = []
    for folder, run in own.items():
        command, identities = commands[folder], known[folder]
        if folder in jobs:  # those that had not begun, a sweep knows that completed this one
            identities = _joined(identities, alike[command], jobs[folder])
        count = jobs.get(folder, len(identities))
        asked_all = folder in jobs or command in ended
        found.append(_sweep(run, count, identities, outcomes, command, asked_all))
    return found


def _joined(identities: list[str], others: Iterable[str], jobs: int | None) -> list[str]:
    """Identities and others that are not among them, as many as there are jobs where that is known."""
    if (
        jobs is not None and len(identities) > jobs
    ):  # noted twice: a machine died, and it was tried again
        identities = list(dict.fromkeys(identities))
    seen = set(identities)
    return [*identities, *(one for one in dict.fromkeys(others) if one not in seen)][:jobs]


def _outcomes(runs: Iterable[LoggedRun]) -> dict[str, str]:
    """How the runs of each identity ended: one that is done counts, whatever became of the others."""
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
    asked_all: bool,
) -> Sweep:
    counts = Counter(outcomes.get(identity, "missing") for identity in identities)
    counts["missing"] += jobs - len(identities)
    complete = asked_all and not counts["missing"] + counts["failed"]
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
    """The command that completes a sweep, by its own run; "" where nobody knows it any more.

    MLflow cuts a long tag; the journal in the sweep's folder has all of it.
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


def show(found: list[Sweep], stream: TextIO) -> None:
    """Prints a table, then the commands: in columns on a terminal, tab-separated elsewhere."""
    lines = [[str(getattr(sweep, name)) for name in HEADER] for sweep in found]
    if not stream.isatty():
        print("\t".join([*HEADER, "complete with"]), file=stream)
        for sweep, line in zip(found, lines, strict=True):
            print("\t".join([*line, sweep.complete_with]), file=stream)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(*HEADER, box=None, padding=(0, 1, 0, 0))
    for line in lines:
        table.add_row(*line)
    Console(file=stream).print(table)
    for sweep in found:
        if (
            sweep.complete_with
        ):  # a line of its own, which a terminal may wrap and still copies whole
            print(f"\n{sweep.sweep} is {sweep.state}. Complete it with:", file=stream)
            print(f"  {sweep.complete_with}", file=stream)


def as_json(found: list[Sweep]) -> str:
    """For programs."""
    return json.dumps([asdict(sweep) for sweep in found], indent=1)
