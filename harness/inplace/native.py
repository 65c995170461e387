"""Update rules as machine code, compiled by LLVM for the processor at hand, where llvmlite is installed.

The code computes what the plan computes, bit for bit, so a rule may go from one to the other between two
steps. It starts with its plan, and is compiled once the plan has had enough to do in this process: short
runs do not wait for a compiler, and long ones lose at most what compiling takes.
"""

from __future__ import annotations

import ctypes
import warnings
from collections.abc import Callable, Hashable, Mapping
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np

from harness.inplace.loop import NAME, NotExact, assembly, columns_of, leaves_of
from harness.inplace.plan import Plan

__all__ = ["Candidate", "Native", "candidate"]

# Work after which a plan is compiled, in operations on one element: 12 an element of θ for Adam. That
# is about 0.1 s, as long as it takes to load LLVM and to compile a rule; the next ones take 0.03 s.
PAYS = 200_000_000


class Native:
    """A compiled plan. Raises NotExact where it cannot have the plan's bits."""

    def __init__(self, plan: Plan, dtype: np.dtype) -> None:
        self._leaves, self._columns = leaves_of(plan), columns_of(plan)
        engine = _compile(assembly(plan, dtype))
        pointers = [ctypes.c_void_p] * (len(self._leaves) + len(self._columns))
        kind = ctypes.CFUNCTYPE(None, *pointers, ctypes.c_int64, ctypes.c_int64)
        self._function = kind(engine.get_function_address(NAME))
        # It owns the code, which must outlive every step
        self._function.engine = engine  # type: ignore[attr-defined]

    def bind(
        self, leaves: Mapping[str, np.ndarray], cells: Mapping[int, np.ndarray]
    ) -> Callable[[], None]:
        """A step on these arrays: contiguous, of the plan's dtype, (R, P) and (R, 1)."""
        arrays = [*(leaves[name] for name in self._leaves), *(cells[n] for n in self._columns)]
        pointers = (array.ctypes.data_as(ctypes.c_void_p) for array in arrays)  # keep the arrays
        return partial(self._function, *pointers, *map(ctypes.c_int64, leaves["theta"].shape))


class Candidate:
    """A plan that may be compiled; all stacks of this process share it."""

    def __init__(self, plan: Plan, dtype: np.dtype) -> None:
        self.native: Native | None = None
        self._plan = plan
        self._dtype = dtype
        self._work = 0
        self._tried = find_spec("llvmlite") is None

    def ready(self, elements: int) -> bool:
        """Notes a step on so many elements, and compiles once it pays. Whether `native` is there."""
        if not self._tried:
            self._work += elements * len(self._plan.instructions)
            if self._work >= PAYS:
                self._compile()
        return self.native is not None

    def _compile(self) -> None:
        self._tried = True
        try:
            self.native = Native(self._plan, self._dtype)
        except NotExact:
            pass  # the plan stays
        except (ImportError, OSError, RuntimeError) as error:
            warnings.warn(
                f"llvmlite cannot compile update rules here. They run on NumPy alone, with the same "
                f"results and about three times as slowly: {error}",
                stacklevel=2,
            )


_candidates: dict[Hashable, Candidate] = {}


def candidate(plan: Plan, dtype: np.dtype) -> Candidate:
    """The one for all plans that differ in nothing but the values of columns."""
    key = (tuple(plan.instructions), tuple(plan.buffers), dtype)
    return _candidates.setdefault(key, Candidate(plan, dtype))


def _compile(text: str) -> Any:
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=3
    )
    module = llvm.parse_assembly(text)
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = True
    passes = llvm.create_pass_builder(machine, options)
    passes.getModulePassManager().run(module, passes)
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    return engine
