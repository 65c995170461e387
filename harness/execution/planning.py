"""Which runs train together.

Runs of one group share every shape: the data, the network, the batch size, the steps of an epoch, the
backend, the loss, the terms of the objective, and whether the test part is read. They may differ in
seed, initializers, optimizer, wrappers, schedule, stopping, in the number of epochs and in the values of
λ and β. Any of them may share a stack.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeVar

from harness.configuration.settings import Config, Run
from harness.training.stack import rule_key

__all__ = ["plan", "stack_size_for"]

SHARED = 16  # runs of one seed that make a stack of their own worth it, at least

T = TypeVar("T")


def plan(items: Sequence[T], run: Callable[[T], Run]) -> list[list[T]]:
    """Groups of items that may share a stack, each in the order in which it is to begin.

    Within a group, runs with the same seed follow one another: they see the same batches, and a stack
    of them draws and keeps each batch once. Among these, runs with the same update rule are neighbours.

    Args:
        items: What is to be trained, as runs, jobs or positions.
        run: Gives the run of an item.
    """
    groups: dict[str, list[T]] = {}
    for item in items:
        groups.setdefault(_signature(run(item).config), []).append(item)
    for group in groups.values():
        group.sort(key=lambda item: (run(item).config.seed, rule_key(run(item).config)))
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
    """How many runs of a group train at the same time in each of its stacks.

    All stacks get alike shares of the runs. Where there are enough runs of each seed, a stack is filled
    with runs of one seed (a sixth faster: see `plan`).

    Args:
        seeds: Seeds of the runs in the group.
        capacity: The most runs that the backend trains well in a stack.
        workers: Stacks in training at the same time.

    >>> stack_size_for([0] * 45 + [1] * 45, capacity=128, workers=2)
    45
    >>> stack_size_for(list(range(100)), capacity=64, workers=2)
    50
    """
    runs = len(seeds)
    runs_of_a_seed = set(Counter(seeds).values())
    if len(runs_of_a_seed) == 1 and workers <= len(set(seeds)):
        (size,) = runs_of_a_seed
        if SHARED <= size <= capacity:
            return size
    rounds = -(-runs // (capacity * workers))
    return max(1, -(-runs // (rounds * workers)))
