"""The whole step compiled for a CPU by TorchInductor.

The step is traced to one graph of tensor operations, the backward pass included, which is translated to
C++. The number of runs is a variable of the compiled code, and all hyperparameters are arguments: runs
may leave a stack and others may join it without a new compilation.
"""

from __future__ import annotations

import os
import shutil
import sysconfig
import threading
import warnings
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from harness_torch.step import States, WholeStep, slots

if TYPE_CHECKING:
    from harness import Step

__all__ = ["CompiledPass", "can_compile", "compiled_before", "has_compiled", "pays"]

Function = Callable[..., Any]


def can_compile() -> bool:
    """Whether this machine has a C++ compiler, and the headers of Python that compiled code includes."""
    compiler = shutil.which(os.environ.get("CXX", "g++"))
    headers = Path(sysconfig.get_path("include"), "Python.h")
    return compiler is not None and headers.exists()


def pays(step: Step, steps: int) -> bool:
    """Whether compiling is possible and takes less time than it saves over `steps` steps."""
    runs = step.blocks[-1].rows.stop
    saved = _SAVED_PER_STEP + _SAVED_PER_PARAMETER * runs * step.network.size
    return steps * saved > _COMPILING and can_compile()


# Seconds, of CPU time on one thread of a busy two-core Xeon (PyTorch 2.13, float32, Adam). The core's
# loop and the compiled step take, in us a step:
#
#     64-64-10, batch 32   R = 1     506   100      64-128-128-10, batch 64    R = 8   4430   1301
#                          R = 4     766   151      784-512-256-10, batch 128  R = 1   8148   3582
#                          R = 16   1588   377                                 R = 4  36241  14471
#                          R = 64   4919  1230      13-16-1, batch 16          R = 1    399     75
#
# Two to five times as fast; it saved 320 us and 8 to 13 ns a parameter. Since then the loop
# updates in place, which takes 1 ns a parameter instead of 9. On an AMD EPYC, half as fast, the two take
#
#     64-64-10, batch 32   R = 1     883   185      784-512-256-10, batch 128  R = 1  10012   7672
#                          R = 16   3873  1093
#
# Compiling takes 5 to 8 s, the first time on a machine up to 21, and 2 where PyTorch finds it in its
# own cache. A run may stop early, so the bar is a little higher: one run of 64-64-10 is compiled
# from 32,000 steps on, 64 of them from 6,600, one of 784-512-256-10 from 4,100.
_SAVED_PER_STEP = 300e-6
_SAVED_PER_PARAMETER = 4e-9
_COMPILING = 10.0


def has_compiled() -> bool:
    """Whether anything has been compiled in this process."""
    return bool(_functions)


def compiled_before(step: WholeStep, features: Tensor, targets: Tensor) -> bool:
    """Whether this step has been compiled before, for one order of all runs or for one each."""
    return any(_key(step, features, targets, axes) in _functions for axes in (1, 2))


class CompiledPass:
    """See harness.Pass.

    Args:
        step: The whole step.
        features: Features of the training part.
        targets: Targets of the training part.
    """

    def __init__(self, step: WholeStep, features: Tensor, targets: Tensor) -> None:
        self._step = step
        self._data = features, targets

    def __call__(
        self, theta: Tensor, state: States, order: np.ndarray, lr: np.ndarray, t: np.ndarray
    ) -> tuple[Tensor, States, dict[str, Tensor]]:
        """Writes into θ and the state."""
        step, size = self._step, self._step.batch_size
        arrays = slots(state)
        function: Function | None = None
        sums = theta.new_zeros((len(step.terms), theta.shape[0]), dtype=torch.float64)
        of_steps = zip(*(values.unbind() for values in step.columns(lr, t)), strict=True)
        for number, columns in enumerate(of_steps):
            rows = torch.tensor(order[..., number * size : (number + 1) * size])
            tensors = theta, *self._data, rows, sums
            if rows.shape[-1] == size:
                function = function or _function(step, tensors, columns, state)
                function(*tensors, *step.constants, *columns, *arrays)
            else:  # the last batch may be smaller, and compiling for it would take as long again
                step(*tensors, step.constants, columns, state)
        return theta, state, dict(zip(step.terms, sums, strict=True))


# --- compiling ------------------------------------------------------------------------------------

_functions: dict[str, Function] = {}
_compiling = threading.Lock()  # the compiler is not made for several threads at once


def _key(step: WholeStep, features: Tensor, targets: Tensor, axes: int) -> str:
    """Equal where one compilation serves; the row numbers have `axes` axes, 1 for shared batches."""
    # A stack of one run has a compilation of its own: its arrays may have another layout
    alone = [runs == 1 for runs in step.runs]
    shapes = tuple(features.shape), tuple(targets.shape)
    return repr((step.signature, alone, shapes, axes, torch.get_num_threads()))


def _function(
    step: WholeStep, tensors: tuple[Tensor, ...], columns: Sequence[Tensor], state: States
) -> Function:
    """The compiled step, which takes the arguments of the step with its lists flattened."""
    _, features, targets, rows, _ = tensors
    key = _key(step, features, targets, rows.ndim)
    with _compiling:
        if key not in _functions:
            _functions[key] = _compile(step, tensors, columns, state)
        return _functions[key]


def _compile(
    step: WholeStep, tensors: tuple[Tensor, ...], columns: Sequence[Tensor], state: States
) -> Function:
    import torch._inductor
    from torch._dispatch.python import enable_python_dispatcher
    from torch._inductor.exc import CppCompileError, InductorError
    from torch.fx.experimental.proxy_tensor import make_fx

    def flat_step(*arguments: Tensor) -> list[Tensor]:
        rest = iter(arguments)
        theta, features, targets, rows, sums = islice(rest, 5)
        constants = list(islice(rest, len(step.constants)))
        numbers = list(islice(rest, len(columns)))
        arrays = [[{name: next(rest) for name in piece} for piece in pieces] for pieces in state]
        step(theta, features, targets, rows, sums, constants, numbers, arrays)
        return []

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # warnings of the compiler are for its own authors
            mode, examples = _examples(step, tensors, columns, state)
            with mode, enable_python_dispatcher():
                graph = make_fx(flat_step)(*examples)
            return torch._inductor.compile(graph, list(examples))
    except (CppCompileError, InductorError) as error:
        reason = str(error).strip().splitlines()[0]
        warnings.warn(
            f"The C++ compiler could not translate the training step, which now runs uncompiled, "
            f"with the same results and two to five times as slowly: {reason}",
            stacklevel=2,
        )
        return flat_step


def _examples(
    step: WholeStep, tensors: tuple[Tensor, ...], columns: Sequence[Tensor], state: States
) -> tuple[Any, list[Tensor]]:
    """Arguments without values whose numbers of runs are symbols, and the mode that they need."""
    from torch._subclasses import FakeTensorMode
    from torch.fx.experimental.symbolic_shapes import (
        DimDynamic,
        ShapeEnv,
        StatelessSymbolicContext,
    )

    mode = FakeTensorMode(shape_env=ShapeEnv())
    varies: Any = StatelessSymbolicContext(dynamic_sizes=[DimDynamic.DYNAMIC])

    def symbol(runs: int) -> Any:
        if runs == 1:
            return 1
        return mode.from_tensor(torch.empty(runs), symbolic_context=varies).shape[0]

    def example(tensor: Tensor, axis: int | None, runs: Any) -> Tensor:
        shape = [runs if n == axis else size for n, size in enumerate(tensor.shape)]
        return torch.empty(shape, dtype=tensor.dtype)

    of_groups = [symbol(count) for count in step.runs]
    runs = [of_groups[group] for group in step.group_of]
    theta, features, targets, rows, sums = tensors
    all_runs = sum(of_groups)
    with mode:
        return mode, [
            example(theta, 0, all_runs),
            example(features, None, None),
            example(targets, None, None),
            example(rows, 0 if rows.ndim == 2 else None, all_runs),
            example(sums, 1, all_runs),
            *(example(constant, 0, all_runs) for constant in step.constants),
            *(example(values, 1, count) for values, count in zip(columns, runs, strict=True)),
            *(
                example(slot, 0, count)
                for pieces, count in zip(state, runs, strict=True)
                for piece in pieces
                for slot in piece.values()
            ),
        ]
