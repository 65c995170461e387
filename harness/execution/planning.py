"""Which runs train together.

Runs of one group share every shape: the data, the network, the batch size, the steps of an epoch, the
backend, the loss, the terms of the objective, and whether the test part is read. They may differ in
seed, initializers, optimizer, wrappers, schedule, stopping, in the number of epochs and in the values of
λ and β. Any of them may share a stack.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from harness.configuration.settings import Config, Run
from harness.training.stack import rule_key

__all__ = ["plan", "stack_size_for"]

SHARED = 16  # runs of one seed from which on a stack of them is worth it


def plan(runs: Sequence[Run]) -> list[list[int]]:
    """The runs that may share a stack, by their positions, in the order in which they are to begin.

    Within a group, runs with the same seed follow one another: they see the same batches, and a stack
    of them draws and keeps each batch once. Among these, runs with the same update rule are neighbours.
    """
    groups: dict[str, list[int]] = {}
    for position, run in enumerate(runs):
        groups.setdefault(_signature(run.config), []).append(position)
    for members in groups.values():
        members.sort(key=lambda p: (runs[p].config.seed, rule_key(runs[p].config), p))
    return list(groups.values())


def _signature(config: Config) -> str:
    """Equal for runs that may share a stack. (Components are dataclasses: their repr is complete.)"""
    return repr(
        (
            config.backend,
            config.dataset,
            config.split,
            config.network,
            config.loss,
            sorted(config.objective.factors),
            config.objective.weight_decay != 0,
            config.training.batch_size,
            config.training.steps_per_epoch,
            config.training.halving,
            config.training.test,
            config.training.stopping.metric,
            config.training.stopping.maximize,
        )
    )


def stack_size_for(seeds: Sequence[int], capacity: int, workers: int) -> int:
    """How many runs of a group train at a time in each of its stacks.

    seeds: of the runs in the group. capacity: the most that the backend trains well at once. workers:
    stacks in training at the same time. All stacks get alike shares of the runs; where there are enough
    runs of each seed, a stack is filled with runs of one seed (a sixth faster: see `plan`).

    >>> stack_size_for([0] * 45 + [1] * 45, capacity=128, workers=2)
    45
    >>> stack_size_for(list(range(100)), capacity=64, workers=2)
    50
    """
    runs = len(seeds)
    each = set(Counter(seeds).values())
    if len(each) == 1 and workers <= len(set(seeds)):
        (size,) = each
        if SHARED <= size <= capacity:
            return size
    rounds = -(-runs // (capacity * workers))
    return max(1, -(-runs // (rounds * workers)))
