"""Which runs of a store a comparison reads.

They are those that the sweep trained itself, see `membership.py`. A sweep that continued another one has
also kept a list of its jobs, by identity and phase, which says which runs of other sweeps belong to it.
Where the list is lost, the comparison is refused rather than made from a part of the runs.
"""

from __future__ import annotations

import json
from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from harness.compare.factors import is_noise
from harness.errors import ConfigurationError, unknown_name
from harness.execution.resume import IDENTITIES, read_job_keys
from harness.sweep.listing import completion_of
from harness.sweep.membership import not_replaced, runs_by_sweep
from harness.sweep.tuning.record import TUNING
from harness.tracking.reading import frames, logged_runs
from harness.tracking.reading.logged_runs import LoggedRun
from harness.tracking.reading.run_files import read_run_file

__all__ = ["Source", "identity_and_phase", "select_runs", "tuned_factors"]

TAGS = ("sweep", "folder", "identity", "status", "phase")


@dataclass(frozen=True)
class Source:
    """Where the runs are.

    Attributes:
        uri: The address of the store, as in `tracking.uri`.
        experiment: The name of the experiment, as in `tracking.experiment`.
        sweeps: Names of sweeps, or their folders, or the ids of their own runs; if empty the newest one,
            or with `everything` all runs.
        everything: Whether all runs of the experiment are meant.
        condition: A filter in MLflow's own language, or "".
    """

    uri: str
    experiment: str
    sweeps: tuple[str, ...] = ()
    everything: bool = False
    condition: str = ""

    def __str__(self) -> str:
        which = f"the sweep {', '.join(self.sweeps)}" if self.sweeps else "the newest sweep"
        what = "the experiment" if self.everything or self.condition else f"{which} in"
        return f"{what} {self.experiment!r}"


def select_runs(source: Source) -> tuple[list[LoggedRun], tuple[LoggedRun, ...]]:
    """The runs of the source, and the MLflow runs of the sweeps themselves.

    Raises ConfigurationError for a sweep that is not there; the message lists those that are.
    """
    sweep_runs = logged_runs.search_runs(source.uri, source.experiment, {"kind": "sweep"})
    runs = logged_runs.search_runs(source.uri, source.experiment, {"kind": "run"}, TAGS)
    if not runs:
        raise ConfigurationError(
            f"The experiment {source.experiment!r} has no runs. Train a sweep first (harness train "
            f"-m …), or name another store or experiment: tracking.uri=…, tracking.experiment=…"
        )
    if source.condition:
        matching = set(frames.search_run_ids(source.uri, source.experiment, source.condition))
        runs = [run for run in runs if run.run_id in matching]
    named = [_named(name, sweep_runs) for name in source.sweeps]
    sweeps = tuple({sweep.run_id: sweep for sweep in named}.values())
    if not sweeps and not source.everything and not source.condition:
        sweeps = tuple(sweep_runs[-1:])
    if not sweeps:
        return runs, ()
    for sweep in sweeps:
        _check_tuned(sweep, sweeps, sweep_runs)
    members = runs_by_sweep(sweep_runs, runs)
    runs_of_sweeps = [run for sweep in sweeps for run in members[sweep.run_id]]
    present = {identity_and_phase(run) for run in runs_of_sweeps}
    own = {run.run_id for run in runs_of_sweeps}
    continued = [_jobs_of(s, source.uri) for s in sweeps if s.tags.get("continues") == "true"]
    taken_over = [
        run
        for run in runs
        if run.run_id not in own
        and identity_and_phase(run) not in present
        and any(jobs.include(run) for jobs in continued)
    ]
    chosen = {run.run_id for run in (*runs_of_sweeps, *taken_over)}
    return [run for run in runs if run.run_id in chosen], sweeps


def _named(name: str, sweep_runs: Sequence[LoggedRun]) -> LoggedRun:
    """The sweep of a name, of a folder, or of the id of its own run.

    Raises ConfigurationError if there is none, and where several have the name; the message lists them.
    """
    for run in sweep_runs:
        if run.run_id == name:
            return run
    folder = str(Path(name).absolute())
    matching = [run for run in sweep_runs if run.tags.get("folder") == folder]
    matching = matching or [run for run in sweep_runs if run.tags["sweep"] == name]
    if not matching:
        raise unknown_name("sweep", name, {run.tags["sweep"] for run in sweep_runs})
    *others, last = not_replaced(matching)
    if others:
        lines = "\n".join(
            f"  {run.run_id}   {run.tags.get('folder', '')}, started {run.tags.get('started', '')}"
            for run in (*others, last)
        )
        raise ConfigurationError(
            f"{len(others) + 1} sweeps are called {name!r}. Name one by the id of its run or by its "
            f"folder:\n{lines}"
        )
    return last


@dataclass(frozen=True)
class _Jobs:
    """The jobs of a sweep that continued another one.

    Attributes:
        keys: Identity and phase of each.
        tuned: Identities in a tuning whose list was made before it had phases.
    """

    keys: Set[tuple[str, str]]
    tuned: Set[str]

    def include(self, run: LoggedRun) -> bool:
        """Whether the run is one of them."""
        identity, phase = identity_and_phase(run)
        return (identity, phase) in self.keys or (bool(phase) and identity in self.tuned)


def _jobs_of(sweep: LoggedRun, uri: str) -> _Jobs:
    """The jobs of a sweep that took over runs of earlier ones.

    Raises ConfigurationError where its list of them is lost.
    """
    keys = read_job_keys(sweep, uri)
    if not keys:
        raise ConfigurationError(
            f"The sweep {sweep.tags['sweep']} took over runs that earlier ones had trained, and the "
            f"list of them is gone: {IDENTITIES} is neither in its folder, {sweep.tags['folder']}, nor "
            f"among its artifacts. Train it once more, which trains nothing that is finished, and "
            f"compare that:\n  {_completing_command(sweep)}"
        )
    if sweep.tags.get("tuned") == "true" and not any(phase for _, phase in keys):
        return _Jobs(frozenset(), frozenset(identity for identity, _ in keys))
    return _Jobs(frozenset(keys), frozenset())


def _check_tuned(
    sweep: LoggedRun, sweeps: Sequence[LoggedRun], sweep_runs: Sequence[LoggedRun]
) -> None:
    """Raises ConfigurationError for a tuning that was neither finished nor completed by another of these
    sweeps: some of its final runs, which alone count, are missing.

    Args:
        sweep: The tuning.
        sweeps: The sweeps that are compared.
        sweep_runs: All sweeps of the store.
    """
    if sweep.tags.get("tuned") != "true" or sweep.status == "FINISHED":
        return
    command = completion_of(sweep)
    later = [
        run for run in sweep_runs if run.status == "FINISHED" and completion_of(run) == command
    ]
    if any(run in sweeps for run in later):
        return
    name = sweep.tags["sweep"]
    what = (
        "is still running, or was killed"
        if sweep.status == "RUNNING"
        else "was interrupted before its end"
    )
    if later:
        raise ConfigurationError(
            f"The tuning {name} {what}, and {later[-1].tags['sweep']} has completed it. Compare that: "
            f"harness compare {later[-1].tags['sweep']}"
        )
    raise ConfigurationError(
        f"The tuning {name} {what}: the runs that count, of the chosen settings on fresh seeds, are not "
        f"all there. Complete it, which trains nothing that is finished:\n  {_completing_command(sweep)}"
    )


def _completing_command(sweep: LoggedRun) -> str:
    return completion_of(sweep) or "the command that has started it, with skip_finished=true"


def identity_and_phase(run: LoggedRun) -> tuple[str, str]:
    """The identity of what a run computes, and its phase in a tuning."""
    return run.tags.get("identity", run.run_id), run.tags.get("phase", "")


def tuned_factors(
    source: Source, sweeps: Sequence[LoggedRun], tasks: Sequence[str]
) -> tuple[str, ...]:
    """The keys in which the contenders of a tuning differ, by its record; () without a tuning."""
    if len(sweeps) != 1 or sweeps[0].tags.get("tuned") != "true":
        return ()
    try:
        record = json.loads(read_run_file(sweeps[0], TUNING, source.uri) or "")
        chosen = [
            dict(override.split("=", 1) for override in contender["overrides"])
            for contender in record["contenders"]
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"The contenders of the tuning {sweeps[0].tags['sweep']} are not known any more: "
            f"{TUNING} is neither in its folder, {sweeps[0].tags['folder']}, nor among its "
            f"artifacts. Name the factors to compare, as in --by optimizer."
        ) from error
    keys = dict.fromkeys(
        key for overrides in chosen for key in overrides if key not in tasks and not is_noise(key)
    )
    factors = (key for key in keys if len({overrides.get(key) for overrides in chosen}) > 1)
    return tuple(factors) or ("optimizer",)
