"""What a tuning protocol leaves behind: `tuning.json`, and what the terminal says of its choice.

    settings      of the sweeper
    complete      whether all phases are over
    seeds         "tuning" and "final", which have none in common
    points        of the unit cube: trial k of every contender is at point k of its own space
    findings      what a reader must know, each a sentence
    contenders    name, overrides, metric, maximize, tunings (the last one counts), setting (the chosen
                  one; null if there is none), command, and the runs "final" and "untuned"

A tuning has its phase, space, trials, the number of the best one, and its edges. Scores are in the units
of the metric; null where a run diverged or failed, see "ended". A run names its folder, which is the tag
`folder` of its MLflow run, also where an earlier sweep has trained it.
"""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.execution.progress import counted
from harness.search_space import Dimension
from harness.sweep.command_lines import SKIP, program, shown
from harness.sweep.searching.scoring import run_score
from harness.sweep.summary import MISSING
from harness.sweep.tuning.contender import Trial, TunedContender, Tuning
from harness.tracking.journal import write_atomically
from harness.training.records import Result, Status

__all__ = ["TUNING", "advice", "findings", "outcome", "record", "write"]

TUNING = "tuning.json"  # in the folder of the sweep


def write(folder: Path, content: Mapping[str, Any]) -> None:
    """Leaves the record in a sweep's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    write_atomically(folder / TUNING, text.encode())


def record(entrant: TunedContender, tuning_seeds: Sequence[int], final_seeds: Sequence[int]) -> Any:
    """A contender as plain data."""
    best = entrant.best if entrant.tunings else None
    return {
        "name": entrant.contender.name,
        "overrides": _own(entrant),
        "metric": entrant.metric,
        "maximize": entrant.maximize,
        "tunings": [_tuning(entrant, tuning, tuning_seeds) for tuning in entrant.tunings],
        "setting": None if best is None else best.setting,
        "command": None if best is None else f"harness {_command(entrant, best)}",
        "final": _runs(entrant, entrant.final, final_seeds),
        "untuned": _runs(entrant, entrant.untuned, final_seeds),
    }


def _tuning(entrant: TunedContender, tuning: Tuning, seeds: Sequence[int]) -> Any:
    best = tuning.best
    return {
        "phase": tuning.phase,
        "space": {key: _dimension(dimension) for key, dimension in tuning.space.items()},
        "trials": [
            {
                "setting": trial.setting,
                "score": _in_units(entrant, trial.score),
                "loss": None if trial.loss is None or math.isinf(trial.loss) else -trial.loss,
                "ended": _ended(trial),
                "runs": _runs(entrant, trial.results, seeds),
            }
            for trial in tuning.trials
        ],
        "best": None if best is None else tuning.trials.index(best),
        "edges": [asdict(edge) for edge in tuning.edges],
    }


def _dimension(dimension: Dimension) -> dict[str, Any]:
    return {"kind": type(dimension).__name__.lower(), **asdict(dimension)}


def _runs(entrant: TunedContender, results: Sequence[Result | None], seeds: Sequence[int]) -> Any:
    return [
        {
            "seed": seed,
            "status": MISSING if result is None else str(result.status),
            "score": None
            if result is None
            else _in_units(entrant, run_score(result, [entrant.metric])),
            "folder": None if result is None else result.folder,
        }
        for seed, result in zip(seeds, results, strict=False)  # there may be no runs yet
    ]


def _in_units(entrant: TunedContender, score: float | None) -> float | None:
    if score is None or math.isinf(score):
        return None
    return score if entrant.maximize else -score


def _ended(trial: Trial) -> str:
    if trial.score is None:
        return Status.FAILED.value
    return Status.DIVERGED.value if math.isinf(trial.score) else Status.FINISHED.value


def outcome(entrant: TunedContender) -> str:
    """What was chosen for a contender, with the command that trains it."""
    best, trials = entrant.best, entrant.tunings[-1].trials
    if best is None:
        return f"{entrant.contender.name}: nothing chosen"
    score = _in_units(entrant, best.score)
    return (
        f"{entrant.contender.name}: best validation {entrant.metric} {score:.4f} of {len(trials)} "
        f"trials, the mean of {counted(len(best.results), 'seed')}, with\n"
        f"  {program()} {_command(entrant, best)}"
    )


def findings(entrants: Sequence[TunedContender]) -> list[str]:
    """What a reader of the results must know, a sentence each."""
    return [finding for entrant in entrants for finding in _findings(entrant)]


def _findings(entrant: TunedContender) -> list[str]:
    name, tuning = entrant.contender.name, entrant.tunings[-1]
    ends = [_ended(trial) for trial in tuning.trials]
    failed, trials = ends.count(Status.FAILED), counted(len(ends), "trial")
    found = []
    if tuning.best is None:
        found.append(
            f"{name}: no setting has a score, of {trials} {ends.count(Status.DIVERGED)} diverged and "
            f"{failed} failed. Nothing is chosen, and it has no final runs."
        )
    elif failed:
        found.append(
            f"{name}: {failed} of {trials} failed and gave no score, so it was tuned with less than the "
            f"others. Go on with skip_finished=true once the reason is mended."
        )
    for edge in tuning.edges:
        stuck = (edge.key, edge.side) in entrant.stuck
        beyond = (
            "nothing beyond it can be trained with" if stuck else "a better one may lie beyond it"
        )
        found.append(f"{name}: {edge}: {beyond}.")
    return found


def advice(entrants: Sequence[TunedContender], extend: int) -> str:
    """What to do about best values on edges; "" where there is nothing to do. extend: the setting."""
    for entrant in entrants:
        if any((edge.key, edge.side) not in entrant.stuck for edge in entrant.tunings[-1].edges):
            return f"hydra.sweeper.extend={extend + 1} extends the ranges at these edges and tunes again"
    return ""


def _command(entrant: TunedContender, trial: Trial) -> str:
    words = [*_own(entrant), *(f"{key}={text}" for key, text in trial.setting.items())]
    if any(word.startswith("experiment=") for word in words):
        words.append("hydra.mode=RUN")  # a preset may be one of a sweep
    return shlex.join(["train", *words])


def _own(entrant: TunedContender) -> list[str]:
    return [o for o in shown(entrant.contender.overrides) if not o.startswith(SKIP)]
