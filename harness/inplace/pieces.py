"""A plan on arrays as calls of NumPy functions, over pieces that fit into the cache.

θ, the gradient and the state are cut into pieces, of whole rows where rows and columns are told apart.
Each piece goes through all operations of a traversal before the next piece starts. Runs go through all
traversals one after another, short ones in groups, so a buffer that is carried from one traversal to the
next is at most as long as a run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np

from harness.inplace.nodes import Kind
from harness.inplace.plan import Instruction, Operand, Plan
from harness.inplace.symbols import broadcast_shape

__all__ = ["Call", "calls", "view"]

Call = tuple[Callable[..., Any], tuple[Any, ...]]

# Elements of a piece. With Adam's three buffers seven arrays of 4 bytes make 690 KB, which still fit
# into a second-level cache, and NumPy's overhead of half a microsecond a call is small beside the work.
# Measured from 4,096 to 65,536 on single runs and on stacks: half and twice as much are both slower.
PIECE = 24_576

# Called run by run: NumPy's results differ in the last bit between one number and several
_INEXACT = {np.exp, np.expm1, np.log, np.log1p, np.power, np.tanh}


def calls(
    plan: Plan,
    leaves: Mapping[str, np.ndarray],
    columns: Sequence[np.ndarray],
    shape: tuple[int, ...],
) -> Iterator[Call]:
    """The calls of a step on these arrays; the arrays stay the same, and so do the calls.

    Args:
        plan: What to run.
        leaves: θ, the gradient and the slots by name, (R, n) each.
        columns: The columns that the plan reads, (R, 1) each.
        shape: Shape of the parameter that θ is, without the axis of the runs.
    """
    theta = leaves["theta"]
    whole = shape if plan.of_a_matrix else theta.shape[1:]
    numbers = (-1, *[1] * len(whole))
    cells = [column.reshape(numbers) for column in columns]
    values = [np.empty((len(theta), *numbers[1:]), dtype or theta.dtype) for dtype in plan.values]
    buffers: dict[tuple[int, tuple[int, ...]], np.ndarray] = {}

    def array(operand: Operand, runs: int | slice, part: slice) -> np.ndarray:
        if operand.store in ("value", "column"):
            cell = (values if operand.store == "value" else cells)[operand.key]
            return cell[runs] if isinstance(runs, slice) else cell[runs].reshape(())
        index = part if operand.over is not Kind.INPUTS else slice(None)  # which all rows share
        if operand.store == "leaf":
            leaf = leaves[operand.key]
            return view(leaf, (len(leaf), *broadcast_shape(operand.over, whole)))[runs, index]
        buffer = plan.buffers[operand.key]
        count = () if isinstance(runs, int) else (runs.stop - runs.start,)
        first, *rest = broadcast_shape(buffer.over, whole)
        if not buffer.whole:
            first = part.stop - part.start
        at = (operand.key, (*count, first, *rest))
        if at not in buffers:
            buffers[at] = np.empty(at[1], buffer.dtype or theta.dtype)
        if not buffer.whole:
            return buffers[at]
        return buffers[at][:, index] if count else buffers[at][index]

    def call(instruction: Instruction, runs: int | slice, part: slice) -> Call:
        operands = (*instruction.arguments, instruction.out)
        return instruction.operation, tuple(array(operand, runs, part) for operand in operands)

    def reduction(instruction: Instruction, runs: int | slice) -> Call:
        """Rows are summed along the last axis, columns along the one before, a run in a flat view."""
        vector, out = (
            array(operand, runs, slice(None))
            for operand in (*instruction.arguments, instruction.out)
        )
        if instruction.out.store == "value":
            out = values[instruction.out.key][runs].reshape(
                vector.shape[: vector.ndim - len(whole)]
            )
            return instruction.operation, (view(vector, (*out.shape, -1)), -1, None, out)
        axis = -1 if instruction.out.over is Kind.UNITS else -2
        return instruction.operation, (vector, axis, None, out, True)

    for runs in _groups(len(theta), prod(whole)):
        for traversal in plan.traversals:
            of_vectors = traversal.over is Kind.VECTOR
            for instruction in (*traversal.values, *(() if of_vectors else traversal.vectors)):
                yield from _by_run(call(instruction, runs, slice(None)), runs)
            for part in _parts(*whole) if of_vectors else ():
                for instruction in traversal.vectors:
                    yield call(instruction, runs, part)
            for instruction in traversal.reductions:
                yield reduction(instruction, runs)


def _groups(runs: int, size: int) -> Iterator[int | slice]:
    """Indices of one run of length `size`, or of several short ones.

    One run is an int, so that the piece is a vector: NumPy calls cost less than on a (1, n) matrix.
    """
    group = max(PIECE // size, 1)
    for start in range(0, runs, group):
        stop = min(start + group, runs)
        yield start if stop == start + 1 else slice(start, stop)


def _parts(length: int, width: int = 1) -> Iterator[slice]:
    """A run, in parts of equal length where it is long; `width` is the length of the axes left whole."""
    parts = min(-(-length * width // PIECE), length)
    for start, stop in pairwise(length * part // parts for part in range(parts + 1)):
        yield slice(start, stop)


def _by_run(call: Call, runs: int | slice) -> Iterator[Call]:
    """The call, or one for each run."""
    operation, arrays = call
    if isinstance(runs, slice) and operation in _INEXACT:
        for of_run in zip(*arrays, strict=True):
            yield operation, of_run
    else:
        yield call


def view(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The same memory in another shape."""
    view = array.reshape(shape)
    assert np.may_share_memory(view, array), "the elements of a run are not side by side"
    return view
