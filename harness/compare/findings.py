"""What a reader of a comparison must know besides its numbers, as sentences."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count as count_from
from typing import TYPE_CHECKING, Any

from harness.compare.evidence import Evidence
from harness.compare.outcomes import trained_alone
from harness.compare.statistics.holm import LEVEL
from harness.compare.statistics.pairwise import SIGNED_RANK, least_p
from harness.compare.tables.scores import ALL
from harness.compare.tables.summary import place_tasks
from harness.compare.trials import PLACE, rounds_of, was_tuned
from harness.tracking.reading import frames

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["dear_steps", "findings_of", "is_paired", "too_few_to_tell", "tuned_again"]

FEW_SEEDS = 5
HASHES = {"sha256/initial_weights": "initial weights", "sha256/order": "batches"}


def is_paired(counting: DataFrame) -> bool:
    """Whether all contenders of a task have the same seeds, once each."""
    for _, rows in counting.groupby("task"):
        seeds = rows.groupby("contender")["seed"].agg(lambda values: tuple(sorted(values)))
        if seeds.nunique() > 1 or any(len(set(one)) < len(one) for one in seeds):
            return False
    return True


def findings_of(
    evidence: Evidence,
    chosen: DataFrame,
    counting: DataFrame,
    at_edges: list[str],
    pairs: DataFrame,
) -> list[str]:
    """All of them, the weightiest first."""
    return [
        *_seeds(counting),
        *too_few_to_tell(counting, pairs),
        *_chosen_on_its_own_seeds(evidence, chosen),
        *tuned_again(evidence.runs),
        *_pairing(evidence, counting),
        *_diverged(chosen, counting),
        *at_edges,
        *_left_out(evidence),
        *_versions(evidence),
        *dear_steps(_gradients(evidence, counting)),
        *_in_company(evidence, counting),
    ]


def _seeds(counting: DataFrame) -> Iterator[str]:
    sizes = counting.groupby(["contender", "task"], sort=False).size()
    if sizes.min() < FEW_SEEDS:
        few = [f"{c} on {t} {n}" for (c, t), n in sizes.items() if n < FEW_SEEDS]
        yield (
            f"Fewer than {FEW_SEEDS} seeds ({_some(few)}): intervals of so few runs are too narrow, and "
            f"tests hardly find a difference."
        )
    elif sizes.nunique() > 1:
        yield f"Unequal numbers of seeds: {_some([f'{c} on {t} {n}' for (c, t), n in sizes.items()])}."


def too_few_to_tell(counting: DataFrame, pairs: DataFrame) -> Iterator[str]:
    """Where no difference could pass the correction for all pairs of a task, however large it were."""
    sizes = counting.groupby(PLACE).size().to_dict()
    tasks = sorted(counting["task"].unique())
    found: dict[str, list[str]] = {}
    for place, rows in pairs[pairs["p"].notna()].groupby("task", sort=False):
        members, count = place_tasks(str(place), tasks), len(rows)
        least, test = min(
            (least_p([_sizes(sizes, row, task) for task in members], row.test), row.test)
            for row in rows.itertuples()
        )
        if count * least < LEVEL:
            continue
        enough = next(
            n for n in count_from(1) if count * least_p([(n, n)] * len(members), test) < LEVEL
        )
        corrected = f", and {min(1.0, count * least):.2g} corrected for {count} pairs (Holm)"
        found.setdefault(
            f"no difference can pass the test, however large: the smallest p there can be is {least:.2g}"
            f"{corrected if count > 1 else ''}. It takes {enough} seeds of each contender.",
            [],
        ).append("all tasks together" if place == ALL and ALL not in tasks else str(place))
    for what, where in found.items():
        yield f"Too few seeds on {_some(where)}: {what}"


def _sizes(sizes: dict[tuple[str, str], int], pair: Any, task: str) -> tuple[int, int]:
    """How many runs of both took part in the test of a pair: where they are paired, pairs alone."""
    n, m = sizes[pair.a, task], sizes[pair.b, task]
    return (min(n, m),) * 2 if pair.test == SIGNED_RANK else (n, m)


def tuned_again(runs: DataFrame) -> Iterator[str]:
    """Who was tuned again in extended ranges, where others were not."""
    rounds = rounds_of(runs).groupby([runs[key] for key in PLACE], sort=False).max()
    if was_tuned(runs) and rounds.nunique() > 1:
        each = [f"{c} on {t} {n} times" for (c, t), n in rounds.items() if n > 1]
        yield (
            f"Tuned more than once, in ranges that were extended where the best value was on an edge: "
            f"{_some(each)}. The last tuning counts, with as many trials as the others had; what was "
            f"learnt from those before it, the others did not have."
        )


def _chosen_on_its_own_seeds(evidence: Evidence, chosen: DataFrame) -> Iterator[str]:
    if not was_tuned(evidence.runs) and chosen["trials"].max() > 1:
        yield (
            "Each setting was chosen by the same runs that it is judged by, so validation scores are a "
            "little too good, the more so the more trials there were. `harness tune` trains the chosen "
            "setting again on other seeds."
        )


def _pairing(evidence: Evidence, counting: DataFrame) -> Iterator[str]:
    if not is_paired(counting):
        yield "The contenders do not have the same seeds, so they are compared without pairs."
        return
    for tag, what in HASHES.items():
        if tag not in evidence.tags:
            continue
        hashes = evidence.tags.loc[counting.index, tag]
        each = hashes.groupby([counting["task"], counting["seed"]]).nunique()
        # Contenders that differ in how they start differ in this on purpose
        if (each > 1).any() and not any("initializer" in key for key in evidence.question.by):
            yield f"Runs of one seed do not have the same {what}: pairs share little but the seed."


def _diverged(chosen: DataFrame, counting: DataFrame) -> Iterator[str]:
    for one in chosen[chosen["score"].isna()].itertuples():
        yield f"{one.contender} on {one.task}: every setting diverged from at least one seed."
    shares = counting.groupby(["contender", "task"], sort=False)["diverged"].agg(["sum", "size"])
    for (contender, task), (diverged, runs) in shares.iterrows():
        if diverged:
            yield f"{contender} on {task}: {diverged} of {runs} runs diverged."


def _left_out(evidence: Evidence) -> Iterator[str]:
    counted = {reason: count for reason, count in evidence.left_out.items() if count}
    if counted:
        listed = ", ".join(f"{count} {reason}" for reason, count in counted.items())
        yield f"Runs that are not in the comparison: {listed}."


def _versions(evidence: Evidence) -> Iterator[str]:
    for tag in evidence.tags:
        if tag.startswith(("version/", "plugin/")):
            versions = sorted(evidence.tags[tag].dropna().unique())
            if len(versions) > 1:
                yield (
                    f"The runs were trained with several versions of {tag.partition('/')[2]}: "
                    + (", ".join(versions) + ".")
                )


def _gradients(evidence: Evidence, counting: DataFrame) -> DataFrame:
    """The contender of each counting run, and how many gradients a step of its first epoch took."""
    uri, ids = evidence.source.uri, list(counting.index)
    gradients, steps = (
        frames.metric_history(uri, ids, f"train/{name}", step=1).set_index("run_id")["value"]
        for name in ("gradients", "steps")
    )
    return counting[["contender"]].assign(gradients=gradients / steps).dropna()


def dear_steps(runs: DataFrame) -> Iterator[str]:
    """Who takes more gradients a step than others: steps are then no measure of work.

    runs: their `contender`, and `gradients` a step.
    """
    means = runs.groupby("contender", sort=False)["gradients"].mean()
    if len(means) and means.max() > means.min():
        dear = [
            f"{contender} {mean:.3g}" for contender, mean in means.items() if mean > means.min()
        ]
        yield (
            f"A step takes more gradients for some than for others ({_some(dear)} a step): in steps, "
            f"epochs and samples they look faster than they are. Compare times in seconds."
        )


def _in_company(evidence: Evidence, counting: DataFrame) -> Iterator[str]:
    shared = int((~trained_alone(evidence.tags.loc[counting.index])).sum())
    if shared:
        yield (
            f"{shared} of {len(counting)} runs were trained in stacks, or may have been beside others, "
            f"and make no claim in seconds; hydra.launcher.stack_size=1 hydra.launcher.workers=1 trains "
            f"them alone."
        )


def _some(texts: list[str], most: int = 6) -> str:
    return ", ".join(texts[:most]) + (", …" if len(texts) > most else "")
