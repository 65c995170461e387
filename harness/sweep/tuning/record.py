"""What a tuning protocol leaves behind: `tuning.json`, and sentences on the terminal about its choice.

    settings      settings of the sweeper
    complete      whether all phases are over
    seeds         "tuning" and "final", which have none in common
    points        points of the unit cube: trial k of every contender is at point k of its own space
    findings      sentences that a reader of the results must know
    contenders    name, overrides, metric, maximize, tunings (the best setting of all is chosen),
                  setting (the chosen one; null if there is none), command, and the runs "final" and
                  "untuned"

A tuning has its phase, space, trials, the number of the best trial, and its edges. Scores are in the
units of the metric; null where a run diverged or failed, see "ended". A run names its folder, which is
the tag `folder` of its MLflow run, even if an earlier sweep trained it.
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
from harness.tracking.atomic import write_atomically
from harness.training.records import Result, Status

__all__ = ["TUNING", "advice", "choice", "findings", "record", "write"]

TUNING = "tuning.json"  # in the folder of the sweep


def write(folder: Path, content: Mapping[str, Any]) -> None:
    """Writes the record into a sweep's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    write_atomically(folder / TUNING, text.encode())


def record(
    contender: TunedContender, tuning_seeds: Sequence[int], final_seeds: Sequence[int]
) -> Any:
    """The part of the record for a contender, as plain data."""
    best = contender.best if contender.tunings else None
    return {
        "name": contender.contender.name,
        "overrides": _overrides(contender),
        "metric": contender.metric,
        "maximize": contender.maximize,
        "tunings": [_tuning(contender, tuning, tuning_seeds) for tuning in contender.tunings],
        "setting": None if best is None else best.setting,
        "command": None if best is None else f"harness {_command(contender, best)}",
        "final": _runs(contender, contender.final, final_seeds),
        "untuned": _runs(contender, contender.untuned, final_seeds),
    }


def _tuning(contender: TunedContender, tuning: Tuning, seeds: Sequence[int]) -> Any:
    best = tuning.best
    return {
        "phase": tuning.phase,
        "space": {key: _dimension(dimension) for key, dimension in tuning.space.items()},
        "trials": [
            {
                "setting": trial.setting,
                "score": _in_units(contender, trial.score),
                "loss": None if trial.loss is None or math.isinf(trial.loss) else -trial.loss,
                "ended": _ended(trial),
                "runs": _runs(contender, trial.results, seeds),
            }
            for trial in tuning.trials
        ],
        "best": None if best is None else tuning.trials.index(best),
        "edges": [asdict(edge) for edge in tuning.edges],
    }


def _dimension(dimension: Dimension) -> dict[str, Any]:
    return {"kind": type(dimension).__name__.lower(), **asdict(dimension)}


def _runs(contender: TunedContender, results: Sequence[Result | None], seeds: Sequence[int]) -> Any:
    return [
        {
            "seed": seed,
            "status": MISSING if result is None else str(result.status),
            "score": None
            if result is None
            else _in_units(contender, run_score(result, [contender.metric])),
            "folder": None if result is None else result.folder,
        }
        for seed, result in zip(seeds, results, strict=False)  # there may be no results yet
    ]


def _in_units(contender: TunedContender, score: float | None) -> float | None:
    if score is None or math.isinf(score):
        return None
    return score if contender.maximize else -score


def _ended(trial: Trial) -> str:
    if trial.score is None:
        return Status.FAILED.value
    return Status.DIVERGED.value if math.isinf(trial.score) else Status.FINISHED.value


def choice(contender: TunedContender) -> str:
    """A sentence: the setting that was chosen for a contender, with the command that trains it."""
    best, trials = contender.best, contender.trials
    if best is None:
        return f"{contender.contender.name}: nothing chosen"
    score = _in_units(contender, best.score)
    return (
        f"{contender.contender.name}: best validation {contender.metric} {score:z.4f} of {len(trials)} "
        f"trials, the mean of {counted(len(best.results), 'seed')}, with\n"
        f"  {program()} {_command(contender, best)}"
    )


def findings(contenders: Sequence[TunedContender]) -> list[str]:
    """Sentences that a reader of the results must know."""
    return [finding for contender in contenders for finding in _findings(contender)]


def _findings(contender: TunedContender) -> list[str]:
    name = contender.contender.name
    ends = [_ended(trial) for trial in contender.trials]
    failed, trials = ends.count(Status.FAILED), counted(len(ends), "trial")
    sentences = []
    if contender.best is None:
        sentences.append(
            f"{name}: no setting has a score, of {trials} {ends.count(Status.DIVERGED)} diverged and "
            f"{failed} failed. Nothing is chosen, and it has no final runs."
        )
    elif failed:
        sentences.append(
            f"{name}: {failed} of {trials} failed and gave no score, so it was tuned with less than the "
            f"others. Go on with skip_finished=true once the reason is mended."
        )
    for edge in contender.edges:
        stuck = (edge.key, edge.side) in contender.stuck
        beyond = (
            "nothing beyond it can be trained with" if stuck else "a better one may lie beyond it"
        )
        sentences.append(f"{name}: {edge}: {beyond}.")
    return sentences


def advice(contenders: Sequence[TunedContender], extend: int) -> str:
    """A sentence: what to do about best values on edges; "" where nothing can be done.

    Args:
        contenders: The contenders, tuned.
        extend: The setting `extend` of this protocol.
    """
    for contender in contenders:
        if any((edge.key, edge.side) not in contender.stuck for edge in contender.edges):
            return f"hydra.sweeper.extend={extend + 1} extends the ranges at these edges and tunes again"
    return ""


def _command(contender: TunedContender, trial: Trial) -> str:
    words = [*_overrides(contender), *(f"{key}={text}" for key, text in trial.setting.items())]
    if any(word.startswith("experiment=") for word in words):
        words.append("hydra.mode=RUN")  # for presets that are sweeps
    return shlex.join(["train", *words])


def _overrides(contender: TunedContender) -> list[str]:
    return [o for o in shown(contender.contender.overrides) if not o.startswith(SKIP)]
