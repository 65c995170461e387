"""Which runs a sweep trained.

Names of sweeps can repeat: a name is the end of the path of the sweep's folder. So a run belongs to the
sweep whose folder holds its own, and where a folder was used more than once, to the sweep that had
started last when the run started.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePath

from harness.tracking.reading.logged_runs import LoggedRun

__all__ = ["not_replaced", "runs_by_sweep"]


def runs_by_sweep(
    sweep_runs: Sequence[LoggedRun], runs: Iterable[LoggedRun]
) -> dict[str, list[LoggedRun]]:
    """The runs that each sweep trained, by the id of the sweep's own run.

    Args:
        sweep_runs: The sweeps' own runs, oldest first, with the tags `sweep` and `folder`.
        runs: Runs with the tags `sweep` and `folder`.
    """
    by_name: dict[str, list[LoggedRun]] = {}
    for sweep in sweep_runs:
        by_name.setdefault(sweep.tags.get("sweep", ""), []).append(sweep)
    members: dict[str, list[LoggedRun]] = {sweep.run_id: [] for sweep in sweep_runs}
    for run in runs:
        namesakes = by_name.get(run.tags.get("sweep", ""), [])
        for owner in namesakes if len(namesakes) == 1 else _owner(run, namesakes):
            members[owner.run_id].append(run)
    return members


def not_replaced(sweep_runs: Sequence[LoggedRun]) -> list[LoggedRun]:
    """The sweeps without those in whose folder a later one went on: that one has all their runs.

    Args:
        sweep_runs: The sweeps' own runs, oldest first, with the tags `folder` and `continues`.
    """
    by_folder: dict[str, list[LoggedRun]] = {}
    for run in sweep_runs:
        in_folder = by_folder.setdefault(run.tags.get("folder", run.run_id), [])
        if run.tags.get("continues") == "true":
            in_folder.clear()
        in_folder.append(run)
    remaining = {run.run_id for in_folder in by_folder.values() for run in in_folder}
    return [run for run in sweep_runs if run.run_id in remaining]


def _owner(run: LoggedRun, sweeps: Sequence[LoggedRun]) -> list[LoggedRun]:
    """The one of these sweeps that trained the run; [] if none did."""
    folders = {str(parent) for parent in PurePath(run.tags.get("folder", "")).parents}
    in_folder = [sweep for sweep in sweeps if sweep.tags.get("folder") in folders]
    before = [sweep for sweep in in_folder if sweep.started_ms <= run.started_ms]
    # Of machines whose clocks differ a run may seem older than its sweep
    return before[-1:] or in_folder[:1]
