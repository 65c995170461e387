"""Update rules as machine code, compiled by LLVM for the processor at hand, where llvmlite is installed.

The code computes what the plan computes, bit for bit, so a rule may go from one to the other between two
steps. It starts with its plan, and is compiled once the plan has had enough to do in this process: short
runs do not wait for a compiler, and long ones lose at most what compiling takes.
"""

from __future__ import annotations

import ctypes
import warnings
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np

from harness.inplace import sums
from harness.inplace.assembly import NAME, assembly, has_sums
from harness.inplace.operations import NotExact
from harness.inplace.plan import Plan
from harness.inplace.registers import kept_of, leaves_of

__all__ = ["Bound", "Candidate", "Native", "candidate"]

# Work after which a plan is compiled, in operations on one element: 12 an element of θ for Adam. That
# is about 0.1 s, as long as it takes to load LLVM and to compile a rule; the next ones take 0.03 s.
PAYS = 200_000_000
CALL = 1_000  # what a call of a NumPy function costs beside its work, in the same measure: 0.5 µs

_KIND = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class Native:
    """A compiled plan. Raises NotExact where it cannot have the plan's bits."""

    def __init__(self, plan: Plan, dtype: np.dtype) -> None:
        self._leaves, self._kept = leaves_of(plan), list(kept_of(plan))
        engine = _compile(assembly(plan, dtype))
        if has_sums(plan):
            _check_sums(engine, dtype)
        if plan.of_a_matrix:
            _check_sums_of_matrices(dtype)
        self._function = _KIND(engine.get_function_address(NAME))
        # It owns the code, which must outlive every step
        self._function.engine = engine  # type: ignore[attr-defined]

    def bind(
        self,
        leaves: Mapping[str, np.ndarray],
        columns: Sequence[np.ndarray],
        kept: Mapping[int, np.ndarray],
        shape: tuple[int, ...],
    ) -> Bound:
        """A step on these arrays, all of the plan's dtype.

        leaves: (R, n), the elements of a row side by side. columns: (R, 1), contiguous. kept: a run's.
        shape: of the parameter that θ is, without the axis of the runs.
        """
        arrays = [leaves[name] for name in self._leaves]
        rows, size = leaves["theta"].shape
        table = [
            *(array.ctypes.data for array in arrays),
            *(array.strides[0] // array.itemsize for array in arrays),
            *(column.ctypes.data for column in columns),
            *(kept[number].ctypes.data for number in self._kept),
            rows,
            size,
            shape[0],
            size // shape[0],
        ]
        return Bound(self._function, table, self._leaves, (leaves, columns, kept))


class Bound:
    """A compiled plan on arrays. arrays: what must not go before it."""

    def __init__(
        self, function: Callable[..., None], table: list[int], leaves: list[str], arrays: Any
    ) -> None:
        self._table = np.array(table, np.int64)
        self.step = partial(function, ctypes.c_void_p(self._table.ctypes.data))
        self._leaves = leaves
        self._arrays = arrays

    def point(self, leaf: str, array: np.ndarray) -> None:
        """Has the next steps read another array for a leaf, (R, n), which the caller keeps."""
        if leaf in self._leaves:
            place = self._leaves.index(leaf)
            self._table[place] = array.ctypes.data
            self._table[place + len(self._leaves)] = array.strides[0] // array.itemsize


class Candidate:
    """A plan that may be compiled; all stacks of this process share it."""

    def __init__(self, plan: Plan, dtype: np.dtype) -> None:
        self.native: Native | None = None
        self._plan = plan
        self._instructions = len(plan.instructions)
        self._dtype = dtype
        self._work = 0
        self._tried = find_spec("llvmlite") is None

    def ready(self, elements: int, calls: int) -> bool:
        """Notes a step on so many elements, in so many calls of NumPy functions, and compiles once that
        pays. Whether `native` is there."""
        if not self._tried:
            self._work += elements * self._instructions + calls * CALL
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
    walks = tuple((tuple(w.values), tuple(w.vectors), tuple(w.reductions)) for w in plan.walks)
    key = (walks, tuple(plan.buffers), tuple(plan.values), dtype)
    return _candidates.setdefault(key, Candidate(plan, dtype))


def _check_sums(engine: Any, dtype: np.dtype) -> None:
    """Raises NotExact unless NumPy sums in the order of the compiled sum."""
    real = ctypes.c_float if dtype == np.float32 else ctypes.c_double
    function = ctypes.CFUNCTYPE(real, ctypes.c_void_p, ctypes.c_int64)(
        engine.get_function_address(sums.NAME)
    )
    values = np.random.default_rng(0).standard_normal(5000).astype(dtype)
    for length in (1, 7, 8, 9, 100, 128, 129, 1003, 5000):
        part = values[:length]
        if function(part.ctypes.data, length) != np.add.reduce(part):
            raise NotExact("the sum of this NumPy")


def _check_sums_of_matrices(dtype: np.dtype) -> None:
    """Raises NotExact unless NumPy sums each row as a vector, and columns row by row."""
    rng = np.random.default_rng(0)
    for shape in ((1, 2, 2), (1, 1, 9), (3, 5, 4), (1, 300, 20), (2, 9, 1003)):
        matrices = rng.standard_normal(shape).astype(dtype)
        by_itself = [[np.add.reduce(row) for row in matrix] for matrix in matrices]
        row_by_row = np.zeros((shape[0], shape[2]), dtype)
        for number in range(shape[1]):
            row_by_row += matrices[:, number]
        of_rows = np.add.reduce(matrices, -1) == by_itself
        of_columns = np.add.reduce(matrices, -2) == row_by_row
        if not (of_rows.all() and of_columns.all()):
            raise NotExact("the sums of rows and columns of this NumPy")


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
