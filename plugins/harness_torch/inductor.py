"""The whole step compiled for a CPU by TorchInductor.

The step is traced to one graph of tensor operations, the backward pass among them, and that is
translated to C++. The number of runs is a variable of the compiled code, and all hyperparameters are
arguments: runs may leave a stack and others take their places without a new compilation.
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
    """Whether there are a C++ compiler and the headers of Python, which compiled code includes."""
    compiler = shutil.which(os.environ.get("CXX", "g++"))
    headers = Path(sysconfig.get_path("include"), "Python.h")
    return compiler is not None and headers.exists()


def pays(step: Step, steps: int) -> bool:
    """Whether compiling is possible and takes less time than it spares in so many steps."""
    runs = step.blocks[-1].rows.stop
    spared = _SPARED_A_STEP + _SPARED_A_PARAMETER * runs * step.network.size
    return steps * spared > _COMPILING and can_compile()


# Seconds, of CPU time on one thread of a busy two-core Xeon (PyTorch 2.13, float32, Adam). The core's
# loop and the compiled step take, in us a step:
#
#     64-64-10, batch 32   R = 1     506   100      64-128-128-10, batch 64    R = 8   4430   1301
#                          R = 4     766   151      784-512-256-10, batch 128  R = 1   8148   3582
#                          R = 16   1588   377                                 R = 4  36241  14471
#                          R = 64   4919  1230      13-16-1, batch 16          R = 1    399     75
#
# Two to five times as fast; what was spared was 320 us and 8 to 13 ns a parameter. Since then the loop
# updates in place, which takes 1 ns a parameter instead of 9. On an AMD EPYC, half as fast, the two take
#
#     64-64-10, batch 32   R = 1     883   185      784-512-256-10, batch 128  R = 1  10012   7672
#                          R = 16   3873  1093
#
# To compile takes 5 to 8 s, the first time on a machine up to 21, and 2 where PyTorch finds it in its
# own cache. A run may stop early, so the bar is a little higher: one run of 64-64-10 is compiled for
# from 32,000 steps on, 64 of them from 6,600, one of 784-512-256-10 from 4,100.
_SPARED_A_STEP = 300e-6
_SPARED_A_PARAMETER = 4e-9
_COMPILING = 10.0


def has_compiled() -> bool:
    """Whether anything has been compiled in this process."""
    return bool(_functions)


def compiled_before(step: WholeStep, features: Tensor, targets: Tensor) -> bool:
    """Whether nothing is left to compile for this step."""
    return any(_key(step, features, targets, axes) in _functions for axes in (1, 2))


class CompiledPass:
    """See harness.Pass. features, targets: the training part."""

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
            given = theta, *self._data, rows, sums
            if rows.shape[-1] == size:
                function = function or _function(step, given, columns, state)
                function(*given, *step.constants, *columns, *arrays)
            else:  # the last one may be smaller: to compile for it would cost as much again
                step(*given, step.constants, columns, state)
        return theta, state, dict(zip(step.terms, sums, strict=True))


# --- compiling ------------------------------------------------------------------------------------

_functions: dict[str, Function] = {}
_compiling = threading.Lock()  # the compiler is not made for several threads at once


def _key(step: WholeStep, features: Tensor, targets: Tensor, axes: int) -> str:
    """Equal where one compilation will do. axes: of the row numbers, 1 where batches are shared."""
    # One run is a case of its own, whose arrays can be laid out otherwise
    alone = [runs == 1 for runs in step.runs]
    shapes = tuple(features.shape), tuple(targets.shape)
    return repr((step.signature, alone, shapes, axes, torch.get_num_threads()))


def _function(
    step: WholeStep, given: tuple[Tensor, ...], columns: Sequence[Tensor], state: States
) -> Function:
    """The compiled step: it takes what the step takes, its lists laid out."""
    _, features, targets, rows, _ = given
    key = _key(step, features, targets, rows.ndim)
    with _compiling:
        if key not in _functions:
            _functions[key] = _compile(step, given, columns, state)
        return _functions[key]


def _compile(
    step: WholeStep, given: tuple[Tensor, ...], columns: Sequence[Tensor], state: States
) -> Function:
    import torch._inductor
    from torch._dispatch.python import enable_python_dispatcher
    from torch._inductor.exc import CppCompileError, InductorError
    from torch.fx.experimental.proxy_tensor import make_fx

    def laid_out(*arguments: Tensor) -> list[Tensor]:
        rest = iter(arguments)
        theta, features, targets, rows, sums = islice(rest, 5)
        constants = list(islice(rest, len(step.constants)))
        numbers = list(islice(rest, len(columns)))
        arrays = [[{name: next(rest) for name in piece} for piece in pieces] for pieces in state]
        step(theta, features, targets, rows, sums, constants, numbers, arrays)
        return []

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what the compiler warns of concerns its own authors
            mode, examples = _examples(step, given, columns, state)
            with mode, enable_python_dispatcher():
                graph = make_fx(laid_out)(*examples)
            return torch._inductor.compile(graph, list(examples))
    except (CppCompileError, InductorError) as error:
        reason = str(error).strip().splitlines()[0]
        warnings.warn(
            f"The C++ compiler could not translate the training step, which now runs uncompiled, "
            f"with the same results and two to five times as slowly: {reason}",
            stacklevel=2,
        )
        return laid_out


def _examples(
    step: WholeStep, given: tuple[Tensor, ...], columns: Sequence[Tensor], state: States
) -> tuple[Any, list[Tensor]]:
    """Arguments without values whose numbers of runs are symbols, and the mode they live in."""
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
    theta, features, targets, rows, sums = given
    everyone = sum(of_groups)
    with mode:
        return mode, [
            example(theta, 0, everyone),
            example(features, None, None),
            example(targets, None, None),
            example(rows, 0 if rows.ndim == 2 else None, everyone),
            example(sums, 1, everyone),
            *(example(constant, 0, everyone) for constant in step.constants),
            *(example(values, 1, own) for values, own in zip(columns, runs, strict=True)),
            *(
                example(slot, 0, own)
                for pieces, own in zip(state, runs, strict=True)
                for piece in pieces
                for slot in piece.values()
            ),
        ]
