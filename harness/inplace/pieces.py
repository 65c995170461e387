"""A plan on arrays as calls of NumPy functions, over pieces that fit into the cache.

θ, the gradient and the state are cut into pieces, of whole rows where rows and columns are told apart;
each goes through all operations of a walk before the next one starts. Runs go through all walks one
after another, short ones in groups, so what is kept from one walk to the next is as long as a run at
most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np

from harness.inplace.nodes import Kind
from harness.inplace.plan import Instruction, Plan, Reference
from harness.inplace.symbols import laid_out

__all__ = ["Call", "calls", "view"]

Call = tuple[Callable[..., Any], tuple[Any, ...]]

# Elements of a piece. With Adam's two buffers six arrays of 4 bytes make 600 KB, which still fits into
# a second-level cache, and NumPy's overhead of half a microsecond a call is small beside the work.
# Measured from 4,096 to 65,536 on single runs and on stacks: half and twice as much are both slower.
PIECE = 24_576

# NumPy's own differ in the last bit between one number and several: these are called run by run
_INEXACT = {np.exp, np.expm1, np.log, np.log1p, np.power, np.tanh}


def calls(
    plan: Plan,
    leaves: Mapping[str, np.ndarray],
    columns: Sequence[np.ndarray],
    shape: tuple[int, ...],
) -> Iterator[Call]:
    """A step on these arrays: leaves (R, n), columns (R, 1). They stay the same, and so do the calls.

    shape: of the parameter that θ is, without the axis of the runs.
    """
    theta = leaves["theta"]
    whole = shape if plan.of_a_matrix else theta.shape[1:]
    numbers = (-1, *[1] * len(whole))
    cells = [column.reshape(numbers) for column in columns]
    values = [np.empty((len(theta), *numbers[1:]), dtype or theta.dtype) for dtype in plan.values]
    buffers: dict[tuple[int, tuple[int, ...]], np.ndarray] = {}

    def array(place: Reference, rows: int | slice, part: slice) -> np.ndarray:
        if place.store in ("value", "column"):
            cell = (values if place.store == "value" else cells)[place.key]
            return cell[rows] if isinstance(rows, slice) else cell[rows].reshape(())
        index = part if place.over is not Kind.INPUTS else slice(None)  # which all rows share
        if place.store == "leaf":
            leaf = leaves[place.key]
            return view(leaf, (len(leaf), *laid_out(place.over, whole)))[rows, index]
        buffer = plan.buffers[place.key]
        runs = () if isinstance(rows, int) else (rows.stop - rows.start,)
        first, *others = laid_out(buffer.over, whole)
        if not buffer.whole:
            first = part.stop - part.start
        at = (place.key, (*runs, first, *others))
        if at not in buffers:
            buffers[at] = np.empty(at[1], buffer.dtype or theta.dtype)
        if not buffer.whole:
            return buffers[at]
        return buffers[at][:, index] if runs else buffers[at][index]

    def call(instruction: Instruction, rows: int | slice, part: slice) -> Call:
        places = (*instruction.arguments, instruction.out)
        return instruction.operation, tuple(array(place, rows, part) for place in places)

    def reduction(instruction: Instruction, rows: int | slice) -> Call:
        """Rows are summed along the last axis, columns along the one before, and a run laid flat."""
        vector, out = (
            array(place, rows, slice(None)) for place in (*instruction.arguments, instruction.out)
        )
        if instruction.out.store == "value":
            out = values[instruction.out.key][rows].reshape(
                vector.shape[: vector.ndim - len(whole)]
            )
            return instruction.operation, (view(vector, (*out.shape, -1)), -1, None, out)
        axis = -1 if instruction.out.over is Kind.UNITS else -2
        return instruction.operation, (vector, axis, None, out, True)

    for rows in _groups(len(theta), prod(whole)):
        for walk in plan.walks:
            of_vectors = walk.over is Kind.VECTOR
            for instruction in (*walk.values, *(() if of_vectors else walk.vectors)):
                yield from _by_run(call(instruction, rows, slice(None)), rows)
            for part in _parts(*whole) if of_vectors else ():
                for instruction in walk.vectors:
                    yield call(instruction, rows, part)
            for instruction in walk.reductions:
                yield reduction(instruction, rows)


def _groups(rows: int, size: int) -> Iterator[int | slice]:
    """Indices of one run, or of several short ones.

    One row is an int, so that the piece is a vector: NumPy calls cost less than on a (1, n) matrix.
    """
    group = max(PIECE // size, 1)
    for start in range(0, rows, group):
        stop = min(start + group, rows)
        yield start if stop == start + 1 else slice(start, stop)


def _parts(length: int, width: int = 1) -> Iterator[slice]:
    """A run, in parts of equal length where it is long. width: of what is not cut."""
    parts = min(-(-length * width // PIECE), length)
    for start, stop in pairwise(length * part // parts for part in range(parts + 1)):
        yield slice(start, stop)


def _by_run(call: Call, rows: int | slice) -> Iterator[Call]:
    """The call, or one for each run."""
    operation, arrays = call
    if isinstance(rows, slice) and operation in _INEXACT:
        for own in zip(*arrays, strict=True):
            yield operation, own
    else:
        yield call


def view(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The same memory in another shape."""
    view = array.reshape(shape)
    assert np.may_share_memory(view, array), "the elements of a run are not side by side"
    return view
