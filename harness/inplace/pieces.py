"""A plan on arrays as calls of NumPy functions, over pieces that fit into the cache.

θ, the gradient and the state are cut into pieces; each goes through all operations of a stage before the
next one starts. Runs go through all stages one after another, short ones in groups, so what is kept from
one stage to the next is as long as a run at most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from harness.inplace.plan import Instruction, Plan, Reference

__all__ = ["Call", "calls"]

Call = tuple[Callable[..., Any], tuple[Any, ...]]

# Elements of a piece. With Adam's two buffers six arrays of 4 bytes make 600 KB, which still fits into
# a second-level cache, and NumPy's overhead of half a microsecond a call is small beside the work.
# Measured from 4,096 to 65,536 on single runs and on stacks: half and twice as much are both slower.
PIECE = 24_576

# NumPy's own differ in the last bit between one number and several: these are called run by run
_INEXACT = {np.exp, np.expm1, np.log, np.log1p, np.power, np.tanh}


def calls(
    plan: Plan, leaves: Mapping[str, np.ndarray], columns: Sequence[np.ndarray]
) -> Iterator[Call]:
    """A step on these arrays: leaves (R, n), columns (R, 1). They stay the same, and so do the calls."""
    theta = leaves["theta"]
    values = [np.empty((len(theta), 1), kind or theta.dtype) for kind in plan.values]
    buffers: dict[tuple[int, tuple[int, ...]], np.ndarray] = {}

    def array(place: Reference, rows: int | slice, part: slice) -> np.ndarray:
        if place.kind == "leaf":
            return leaves[place.key][rows, part]
        if place.kind == "buffer":
            buffer = plan.buffers[place.key]
            shape = theta[rows].shape if buffer.whole else theta[rows, part].shape
            if (place.key, shape) not in buffers:
                buffers[place.key, shape] = np.empty(shape, buffer.dtype or theta.dtype)
            found = buffers[place.key, shape]
            return found[..., part] if buffer.whole else found
        cell = values[place.key] if place.kind == "value" else columns[place.key]
        return cell[rows] if isinstance(rows, slice) else cell[rows].reshape(())

    def call(instruction: Instruction, rows: int | slice, part: slice) -> Call:
        places = (*instruction.arguments, instruction.out)
        return instruction.operation, tuple(array(place, rows, part) for place in places)

    size = theta.shape[1]
    for rows in _groups(*theta.shape):
        for stage in plan.stages:
            for instruction in stage.values:
                for own in _alike(instruction, rows):
                    yield call(instruction, own, slice(0, size))
            for part in _parts(size):
                for instruction in stage.vectors:
                    yield call(instruction, rows, part)
            for instruction in stage.reductions:
                vector = array(instruction.arguments[0], rows, slice(0, size))
                value = values[instruction.out.key][rows][..., 0]
                yield instruction.operation, (vector, -1, None, value)


def _groups(rows: int, size: int) -> Iterator[int | slice]:
    """Indices of one run, or of several short ones.

    One row is an int, so that the piece is a vector: NumPy calls cost less than on a (1, n) matrix.
    """
    group = max(PIECE // size, 1)
    for start in range(0, rows, group):
        stop = min(start + group, rows)
        yield start if stop == start + 1 else slice(start, stop)


def _parts(size: int) -> Iterator[slice]:
    """A run, in parts of equal length where it is long."""
    parts = -(-size // PIECE)
    for start, stop in pairwise(size * part // parts for part in range(parts + 1)):
        yield slice(start, stop)


def _alike(instruction: Instruction, rows: int | slice) -> Iterator[int | slice]:
    """The rows that a value is worked out for at once."""
    if isinstance(rows, slice) and instruction.operation in _INEXACT:
        yield from range(rows.start, rows.stop)
    else:
        yield rows
