"""Update rules as machine code, compiled by LLVM for the processor at hand, where llvmlite is installed.

The code computes what the plan computes, bit for bit, so a rule may change from one to the other between
two steps. It starts with its plan, and is compiled once the plan has had enough work in this process:
short runs do not wait for a compiler, and long ones lose at most the time of compiling.
"""

from __future__ import annotations

import ctypes
import warnings
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np

from harness.inplace import llvm_sums
from harness.inplace.llvm_function import NAME, assembly, has_sums
from harness.inplace.llvm_operations import NotExact
from harness.inplace.llvm_registers import carried_buffers, leaf_names
from harness.inplace.plan import Plan

__all__ = ["Bound", "Candidate", "MachineCode", "candidate"]

# Work after which a plan is compiled, in operations on one element: Adam has 12 for an element of θ.
# That is about 0.1 s, the time to load LLVM and to compile a rule; the next rules take 0.03 s.
PAYS = 200_000_000
CALL = 1_000  # overhead of a call of a NumPy function, in the same unit: 0.5 µs

_FUNCTION = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class MachineCode:
    """A compiled plan. Raises NotExact where it cannot have the plan's bits."""

    def __init__(self, plan: Plan, dtype: np.dtype) -> None:
        self._leaves, self._carried = leaf_names(plan), list(carried_buffers(plan))
        engine = _compile(assembly(plan, dtype))
        if has_sums(plan):
            _check_sums(engine, dtype)
        if plan.of_a_matrix:
            _check_sums_of_matrices(dtype)
        self._function = _FUNCTION(engine.get_function_address(NAME))
        # The engine owns the code, which must outlive every step
        self._function.engine = engine  # type: ignore[attr-defined]  # functions of ctypes take attributes

    def bind(
        self,
        leaves: Mapping[str, np.ndarray],
        columns: Sequence[np.ndarray],
        carried: Mapping[int, np.ndarray],
        shape: tuple[int, ...],
    ) -> Bound:
        """A step on these arrays, all of the plan's dtype.

        Args:
            leaves: Arrays by name, (R, n), with the elements of a run side by side.
            columns: The columns that the plan reads, (R, 1), contiguous.
            carried: Buffers by number, each for one run.
            shape: Shape of the parameter that θ is, without the axis of the runs.
        """
        arrays = [leaves[name] for name in self._leaves]
        runs, size = leaves["theta"].shape
        table = [
            *(array.ctypes.data for array in arrays),
            *(array.strides[0] // array.itemsize for array in arrays),
            *(column.ctypes.data for column in columns),
            *(carried[number].ctypes.data for number in self._carried),
            runs,
            size,
            shape[0],
            size // shape[0],
        ]
        return Bound(self._function, table, self._leaves, (leaves, columns, carried))


class Bound:
    """Machine code bound to arrays.

    Args:
        function: The compiled function.
        table: Argument of the function, see `llvm_function`.
        leaves: Names of the leaves, in the order of the table.
        arrays: The arrays whose addresses are in the table; kept alive here.
    """

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
            entry = self._leaves.index(leaf)
            self._table[entry] = array.ctypes.data
            self._table[entry + len(self._leaves)] = array.strides[0] // array.itemsize


class Candidate:
    """A plan that is compiled once it pays; all stacks of this process share it.

    Attributes:
        code: The machine code; None before it is compiled, and where it cannot be.
    """

    def __init__(self, plan: Plan, dtype: np.dtype) -> None:
        self.code: MachineCode | None = None
        self._plan = plan
        self._instructions = len(plan.instructions)
        self._dtype = dtype
        self._work = 0
        self._decided = find_spec("llvmlite") is None

    def ready(self, elements: int, calls: int) -> bool:
        """Counts the work of a step and compiles once that pays. Returns whether there is machine code.

        Args:
            elements: Elements that the step worked on.
            calls: NumPy functions that it called.
        """
        if not self._decided:
            self._work += elements * self._instructions + calls * CALL
            if self._work >= PAYS:
                self._compile()
        return self.code is not None

    def _compile(self) -> None:
        self._decided = True
        try:
            self.code = MachineCode(self._plan, self._dtype)
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
    """The candidate of all plans that differ only in the values of columns."""
    traversals = tuple(
        (tuple(w.values), tuple(w.vectors), tuple(w.reductions)) for w in plan.traversals
    )
    key = (traversals, tuple(plan.buffers), tuple(plan.values), dtype)
    return _candidates.setdefault(key, Candidate(plan, dtype))


def _check_sums(engine: Any, dtype: np.dtype) -> None:
    """Raises NotExact unless NumPy sums in the order of the compiled sum."""
    real = ctypes.c_float if dtype == np.float32 else ctypes.c_double
    function = ctypes.CFUNCTYPE(real, ctypes.c_void_p, ctypes.c_int64)(
        engine.get_function_address(llvm_sums.NAME)
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
        as_vectors = [[np.add.reduce(row) for row in matrix] for matrix in matrices]
        row_by_row = np.zeros((shape[0], shape[2]), dtype)
        for number in range(shape[1]):
            row_by_row += matrices[:, number]
        of_rows = np.add.reduce(matrices, -1) == as_vectors
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
