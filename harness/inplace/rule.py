"""An update rule on NumPy arrays: as machine code, or as a plan over pieces.

The arrays stay the same from step to step, so every call is prepared once, and a step is a loop over
prepared calls: of NumPy's functions, or of one compiled function for each part of θ that the rule sees.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.backends import Block
from harness.contracts import Scope, State
from harness.inplace.columns import Columns
from harness.inplace.llvm_registers import carried_buffers, sums_columns
from harness.inplace.machine_code import Bound, MachineCode, candidate
from harness.inplace.pieces import Call, calls, view
from harness.inplace.plan import Column, Plan, plan
from harness.inplace.symbols import Untraceable, broadcast_shape
from harness.inplace.tracing import trace
from harness.update.scopes import initial_state, rule_for

if TYPE_CHECKING:
    from harness.model.network import Network

__all__ = ["InPlace", "in_place"]


def in_place(rule: Any, network: Network, dtype: np.dtype) -> InPlace | None:
    """The rule, ready to be bound; None for one that cannot be traced."""
    try:
        return InPlace(rule, network, dtype)
    except Exception:  # `Untraceable`, or what NumPy and others raise when given a symbol
        return None  # the rule still runs, only slower, and raises its own errors there


class InPlace:
    """A rule that writes into θ and its state. Raises Untraceable, among others."""

    def __init__(self, rule: Any, network: Network, dtype: np.dtype) -> None:
        self._rule = rule
        self._network = network
        self._dtype = dtype
        self._groups: list[_Group] = []
        columns: dict[Column, int] = {}  # shared by all parts, so that each is worked out once
        for number, (part, plan_of_part) in enumerate(_plans(rule, network, columns)):
            if rule.scope is Scope.ELEMENT and len(plan_of_part.traversals) > 1:
                raise Untraceable("an elementwise rule may see no more than elements")
            group = next((group for group in self._groups if group.plan == plan_of_part), None)
            if group is None:
                group = _Group(plan_of_part, dtype)
                self._groups.append(group)
            group.parts[number] = part
        used = {number for group in self._groups for number in group.plan.columns}
        self._columns = Columns(list(columns), used, rule)

    def init(self, theta: np.ndarray) -> list[State]:
        """The state before the first step, one for each part of θ, (R, P), that the rule sees."""
        return initial_state(Block(slice(None), self._rule), theta, self._network)

    def bind(self, theta: np.ndarray, gradient: np.ndarray, state: Sequence[State]) -> None:
        """Prepares the steps on these arrays, (R, P), and the state that `init` makes."""
        cells = self._columns.cells(len(theta), self._dtype)
        for group in self._groups:
            group.bind(theta, gradient, state, cells)

    def set_gradient(self, gradient: np.ndarray) -> None:
        """Has the next steps read the gradient, (R, P), from another array."""
        for group in self._groups:
            group.set_gradient(gradient)

    def step(self, lr: np.ndarray, t: np.ndarray) -> None:
        """One step at `lr` and `t`, (R, 1) float64, with the gradient that is in its array."""
        self._columns.update(lr, t)
        for group in self._groups:
            group.step()


@dataclass(frozen=True)
class _Part:
    """A part of θ that a rule sees by itself.

    Attributes:
        columns: Its columns in θ, (R, P).
        shape: Its shape for one run.
    """

    columns: slice
    shape: tuple[int, ...]


def _plans(rule: Any, network: Network, columns: dict[Column, int]) -> Iterator[tuple[_Part, Plan]]:
    """The parts of θ, each with its plan."""
    if rule.scope is not Scope.TENSOR:
        whole = _Part(slice(0, network.size), (network.size,))
        yield whole, plan(trace(rule, whole.shape), columns)
        return
    chooses = hasattr(rule, "for_parameter")
    plans: dict[Any, Plan] = {}
    for parameter in network.parameters:
        alike = parameter.name if chooses else parameter.shape
        if alike not in plans:
            chosen = partial(rule_for, parameter=parameter, network=network)
            plans[alike] = plan(trace(rule, parameter.shape, chosen), columns)
        yield _Part(slice(parameter.start, parameter.stop), parameter.shape), plans[alike]


class _Group:
    """The parts of θ that are stepped by the same plan, by number."""

    def __init__(self, plan: Plan, dtype: np.dtype) -> None:
        self.plan = plan
        self.parts: dict[int, _Part] = {}
        self._dtype = dtype
        self._candidate = candidate(plan, dtype)
        self._leaves: list[dict[str, np.ndarray]] = []  # of each part
        self._columns: list[np.ndarray] = []
        self._calls: list[Call] = []
        self._elements = 0
        self._available: MachineCode | None = None
        self._code: MachineCode | None = None  # the available one, where it can have these arrays
        self._bound: list[Bound] = []
        self._owns_gradient = False  # whether the gradient's arrays are copies made here

    def bind(
        self,
        theta: np.ndarray,
        gradient: np.ndarray,
        state: Sequence[State],
        cells: Mapping[int, np.ndarray],
    ) -> None:
        self._leaves = [
            {"theta": theta[:, part.columns], "gradient": gradient[:, part.columns]}
            | {name: view(slot, (len(slot), -1)) for name, slot in state[number].items()}
            for number, part in self.parts.items()
        ]
        self._columns = [cells[number] for number in self.plan.columns]
        self._elements = sum(leaves["theta"].size for leaves in self._leaves)
        self._owns_gradient = False
        self._prepare()

    def set_gradient(self, gradient: np.ndarray) -> None:
        views = [gradient[:, part.columns] for part in self.parts.values()]
        if self._code is not None and all(map(self._is_plain, views)):
            for leaves, bound, view in zip(self._leaves, self._bound, views, strict=True):
                leaves["gradient"] = view
                bound.point("gradient", view)
            self._owns_gradient = False
            return
        if not self._owns_gradient:
            for leaves in self._leaves:
                leaves["gradient"] = np.empty(leaves["theta"].shape, self._dtype)
            self._owns_gradient = True
            self._prepare()
        for leaves, view in zip(self._leaves, views, strict=True):
            np.copyto(leaves["gradient"], view)  # cheaper than preparing all calls

    def step(self) -> None:
        for operation, arguments in self._calls:
            operation(*arguments)
        if self._available is None and self._candidate.ready(self._elements, len(self._calls)):
            self._prepare()

    def _prepare(self) -> None:
        self._available = self._candidate.code
        shapes = [part.shape for part in self.parts.values()]
        plain = all(self._is_plain(leaf) for leaves in self._leaves for leaf in leaves.values())
        self._code = self._available if plain and self._sums_as_numpy(shapes) else None
        if self._code is None:
            self._calls = [
                call
                for leaves, shape in zip(self._leaves, shapes, strict=True)
                for call in calls(self.plan, leaves, self._columns, shape)
            ]
            return
        carried = {
            number: np.empty(
                max(prod(broadcast_shape(over, shape)) for shape in shapes), self._dtype
            )
            for number, over in carried_buffers(self.plan).items()
        }
        self._bound = [
            self._code.bind(leaves, self._columns, carried, shape)
            for leaves, shape in zip(self._leaves, shapes, strict=True)
        ]
        self._calls = [(bound.step, ()) for bound in self._bound]

    def _sums_as_numpy(self, shapes: Sequence[tuple[int, ...]]) -> bool:
        """Whether sums over columns are NumPy's: of a matrix of one column it sums otherwise."""
        return not (sums_columns(self.plan) and any(shape[1] == 1 for shape in shapes))

    def _is_plain(self, array: np.ndarray) -> bool:
        """Whether compiled loops, which know addresses and lengths of rows, can have it."""
        side_by_side = array[0].flags.c_contiguous and array.strides[0] % array.itemsize == 0
        return array.dtype == self._dtype and array.flags.aligned and side_by_side
