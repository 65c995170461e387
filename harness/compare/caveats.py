"""Caveats: sentences that a reader of a comparison must know besides its numbers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count as count_from
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.compare.loaded_runs import LoadedRuns, was_tuned
from harness.compare.outcomes import trained_alone
from harness.compare.statistics.holm import LEVEL, holm
from harness.compare.statistics.pairwise import SIGNED_RANK, least_p
from harness.compare.tables.scores import ALL
from harness.compare.tables.summary import tasks_in
from harness.compare.trials import CONTENDER_TASK, rounds_of
from harness.tracking.reading import frames
from harness.training.records import Status

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["caveats_of", "costly_steps", "is_paired", "too_few_to_tell", "tuned_again"]

FEW_SEEDS = 5
HASHES = {"sha256/initial_weights": "initial weights", "sha256/order": "batches"}


def is_paired(scoring: DataFrame) -> bool:
    """Whether all contenders of a task have the same seeds, once each."""
    for _, rows in scoring.groupby("task"):
        seeds = rows.groupby("contender")["seed"].agg(lambda values: tuple(sorted(values)))
        if seeds.nunique() > 1 or any(
            len(set(of_contender)) < len(of_contender) for of_contender in seeds
        ):
            return False
    return True


def caveats_of(
    loaded: LoadedRuns,
    chosen: DataFrame,
    scoring: DataFrame,
    at_edges: list[str],
    pairs: DataFrame,
) -> list[str]:
    """All caveats, the weightiest first.

    Args:
        loaded: All runs of the comparison.
        chosen: The chosen settings, see `trials.chosen_settings`.
        scoring: The scoring runs.
        at_edges: Caveats on chosen values at the edge of those tried, see `trials.edge_caveats`.
        pairs: The frame `pairs` of the comparison.
    """
    return [
        *_seeds(scoring),
        *too_few_to_tell(scoring, pairs),
        *_chosen_on_its_own_seeds(loaded, chosen),
        *tuned_again(loaded.runs),
        *_pairing(loaded, scoring),
        *_diverged(chosen, scoring),
        *at_edges,
        *_left_out(loaded),
        *_versions(loaded),
        *costly_steps(_gradients(loaded, scoring)),
        *_trained_together(loaded, scoring),
    ]


def _seeds(scoring: DataFrame) -> Iterator[str]:
    sizes = scoring.groupby(["contender", "task"], sort=False).size()
    if sizes.min() < FEW_SEEDS:
        few = [f"{c} on {t} {n}" for (c, t), n in sizes.items() if n < FEW_SEEDS]
        yield (
            f"Fewer than {FEW_SEEDS} seeds ({_some(few)}): intervals of so few runs are too narrow, and "
            f"tests hardly find a difference."
        )
    elif sizes.nunique() > 1:
        yield f"Unequal numbers of seeds: {_some([f'{c} on {t} {n}' for (c, t), n in sizes.items()])}."


def too_few_to_tell(scoring: DataFrame, pairs: DataFrame) -> Iterator[str]:
    """Tasks on which no difference can become significant, however large it is."""
    sizes = scoring.groupby(CONTENDER_TASK).size().to_dict()
    tasks = sorted(scoring["task"].unique())
    tested = pairs[pairs["p"].notna()]
    members = [tasks_in(str(group), tasks) for group in tested["task"]]
    tests = list(tested["test"])
    # Holm's corrected p falls with every p: none can be below that of the least p of all pairs
    least = [
        least_p([_sizes(sizes, row, task) for task in of_row], row.test)
        for of_row, row in zip(members, tested.itertuples(), strict=True)
    ]
    corrected = holm(least)
    places_by_reason: dict[str, list[str]] = {}
    for group in dict.fromkeys(tested["task"]):
        rows = np.flatnonzero(tested["task"] == group)
        if corrected[rows].min() < LEVEL:
            continue
        enough = next(
            n
            for n in count_from(1)
            if holm(
                [least_p([(n, n)] * len(m), test) for m, test in zip(members, tests, strict=True)]
            )[rows].min()
            < LEVEL
        )
        best = rows[corrected[rows].argmin()]
        after = f", and {corrected[best]:.2g} corrected for {len(tested)} pairs (Holm)"
        places_by_reason.setdefault(
            f"no difference can pass the test, however large: the smallest p there can be is "
            f"{least[best]:.2g}{after if len(tested) > 1 else ''}. It takes {enough} seeds of each "
            f"contender.",
            [],
        ).append("all tasks together" if group == ALL and ALL not in tasks else str(group))
    for what, where in places_by_reason.items():
        yield f"Too few seeds on {_some(where)}: {what}"


def _sizes(sizes: dict[tuple[str, str], int], pair: Any, task: str) -> tuple[int, int]:
    """The numbers of runs of a and b in the test of a pair; a paired test takes equally many of both."""
    n, m = sizes[pair.a, task], sizes[pair.b, task]
    return (min(n, m),) * 2 if pair.test == SIGNED_RANK else (n, m)


def tuned_again(runs: DataFrame) -> Iterator[str]:
    """Contenders that were tuned again in extended ranges, if others were not."""
    rounds = rounds_of(runs).groupby([runs[key] for key in CONTENDER_TASK], sort=False).max()
    if was_tuned(runs) and rounds.nunique() > 1:
        listed = [f"{c} on {t} {n} times" for (c, t), n in rounds.items() if n > 1]
        yield (
            f"Tuned more than once, in ranges that were extended where the best value was on an edge: "
            f"{_some(listed)}. The best setting of all these tunings counts, so it was chosen from more "
            f"trials than the others had."
        )


def _chosen_on_its_own_seeds(loaded: LoadedRuns, chosen: DataFrame) -> Iterator[str]:
    if not was_tuned(loaded.runs) and chosen["trials"].max() > 1:
        yield (
            "Each setting was chosen by the same runs that it is judged by, so validation scores are a "
            "little too good, the more so the more trials there were. `harness tune` trains the chosen "
            "setting again on other seeds."
        )


def _pairing(loaded: LoadedRuns, scoring: DataFrame) -> Iterator[str]:
    if not is_paired(scoring):
        yield "The contenders do not have the same seeds, so they are compared without pairs."
        return
    for tag, what in HASHES.items():
        if tag not in loaded.tags:
            continue
        hashes = loaded.tags.loc[scoring.index, tag]
        listed = hashes.groupby([scoring["task"], scoring["seed"]]).nunique()
        # Contenders with different initializers differ in this on purpose
        if (listed > 1).any() and not any("initializer" in key for key in loaded.question.by):
            yield f"Runs of one seed do not have the same {what}: pairs share little but the seed."


def _diverged(chosen: DataFrame, scoring: DataFrame) -> Iterator[str]:
    for choice in chosen[chosen["score"].isna()].itertuples():
        reasons = ["diverged"] * choice.diverged + [
            "was dropped by successive halving"
        ] * choice.dropped
        yield (
            f"{choice.contender} on {choice.task}: every setting {' or '.join(reasons)} from at least "
            f"one seed."
        )
    ends = scoring.assign(dropped=scoring["status"] == Status.DROPPED)
    counts = ends.groupby(CONTENDER_TASK, sort=False)[["diverged", "dropped"]].sum()
    sizes = ends.groupby(CONTENDER_TASK, sort=False).size()
    for (contender, task), (diverged, dropped) in counts.iterrows():
        runs = sizes[contender, task]
        if diverged:
            yield f"{contender} on {task}: {diverged} of {runs} runs diverged."
        if dropped:
            yield (
                f"{contender} on {task}: successive halving dropped {dropped} of {runs} runs of its "
                f"setting, which have no final score. It kept the others for their scores, so a mean of "
                f"them would be too good, and there is none. Train the setting without halving "
                f"(training.halving.factor=null)."
            )


def _left_out(loaded: LoadedRuns) -> Iterator[str]:
    counted = {reason: count for reason, count in loaded.left_out.items() if count}
    if counted:
        listed = ", ".join(f"{count} {reason}" for reason, count in counted.items())
        yield f"Runs that are not in the comparison: {listed}."


def _versions(loaded: LoadedRuns) -> Iterator[str]:
    for tag in loaded.tags:
        if tag.startswith(("version/", "plugin/")):
            versions = sorted(loaded.tags[tag].dropna().unique())
            if len(versions) > 1:
                yield (
                    f"The runs were trained with several versions of {tag.partition('/')[2]}: "
                    + (", ".join(versions) + ".")
                )


def _gradients(loaded: LoadedRuns, scoring: DataFrame) -> DataFrame:
    """The contender of each scoring run, and the gradients that a step of its first epoch took."""
    uri, ids = loaded.source.uri, list(scoring.index)
    gradients, steps = (
        frames.metric_history(uri, ids, f"train/{name}", step=1).set_index("run_id")["value"]
        for name in ("gradients", "steps")
    )
    return scoring[["contender"]].assign(gradients=gradients / steps).dropna()


def costly_steps(runs: DataFrame) -> Iterator[str]:
    """Contenders whose steps take more gradients than those of others: steps then do not measure work.

    Args:
        runs: The scoring runs, with the columns `contender` and `gradients` (a step).
    """
    means = runs.groupby("contender", sort=False)["gradients"].mean()
    if len(means) and means.max() > means.min():
        costly = [
            f"{contender} {mean:.3g}" for contender, mean in means.items() if mean > means.min()
        ]
        yield (
            f"A step takes more gradients for some than for others ({_some(costly)} a step): in steps, "
            f"epochs and samples they look faster than they are. Compare times in seconds."
        )


def _trained_together(loaded: LoadedRuns, scoring: DataFrame) -> Iterator[str]:
    shared = int((~trained_alone(loaded.tags.loc[scoring.index])).sum())
    if shared:
        yield (
            f"{shared} of {len(scoring)} runs were trained in stacks, or may have been beside others, "
            f"and make no claim in seconds; hydra.launcher.stack_size=1 hydra.launcher.workers=1 trains "
            f"them alone."
        )


def _some(texts: list[str], most: int = 6) -> str:
    return ", ".join(texts[:most]) + (", …" if len(texts) > most else "")
