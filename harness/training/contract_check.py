"""Whether update rules and losses do what they promise: each is tried once on a few numbers.

A rule that writes into its arguments, forgets a slot or makes float64 of float32 would otherwise spoil a
run in silence, or end it with an error that names an array and not the plugin. It is called here as it
is written, on the backend's own arrays, before its first step and outside the loop.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np

from harness.backends import Backend
from harness.configuration.settings import Run
from harness.contracts import Array, Scope, Turn, array_namespace
from harness.errors import BrokenPromise
from harness.fields import kind_of
from harness.model.network import Network
from harness.update.extra_gradients import Quadratic
from harness.update.scopes import rule_for

__all__ = ["ContractCheck"]

RUNS, SAMPLES, ELEMENTS = 2, 3, 8
RATE = 1e-3


class ContractCheck:
    """Tries what runs bring, each kind of component once."""

    def __init__(self, backend: Backend, network: Network) -> None:
        self._backend = backend
        self._network = network
        self._tried: set[str] = set()

    def check(self, run: Run) -> None:
        """Raises BrokenPromise for the first promise that a component of the run does not keep."""
        config = run.config
        for part in (config.optimizer, *config.wrapper.values()):
            if self._is_new(kind_of(part)):
                for rule, shape in self._calls(part):
                    self._check_rule(rule, shape, part.scope, getattr(part, "turn", None))
        widths = {"output": self._network.sizes[-1:], "hidden": self._network.sizes[1:-1]}
        if self._is_new(repr(type(config.loss)) + repr(config.loss)):
            target = self._targets(config.loss.output_activation)
            self._check_loss(config.loss, self._draw(RUNS, SAMPLES, *widths["output"]), target)
        for auxiliary in run.auxiliary.values():
            if self._is_new(repr(type(auxiliary))):
                for width in dict.fromkeys(widths[auxiliary.reads]):
                    values = 0.1 + 0.8 * _rng().random((RUNS, SAMPLES, width))
                    self._check_loss(auxiliary, self._backend.to_device(values))

    def _is_new(self, key: str) -> bool:
        new = key not in self._tried
        self._tried.add(key)
        return new

    def _draw(self, *shape: int) -> Array:
        return self._backend.to_device(_rng().standard_normal(shape))

    # --- update rules -----------------------------------------------------------------------------

    def _calls(self, rule: Any) -> list[tuple[Any, tuple[int, ...]]]:
        """What may be called, the rule or one that it chooses, and on what shapes.

        Nothing, where it is no formula.
        """
        if rule.scope is Scope.BACKEND:
            return []
        if rule.scope is not Scope.TENSOR:
            return [(rule, (RUNS, ELEMENTS if rule.scope is Scope.ELEMENT else self._network.size))]
        calls = [
            (rule_for(rule, parameter, self._network), (RUNS, *parameter.shape))
            for parameter in self._network.parameters
        ]
        return list({(type(chosen), shape): (chosen, shape) for chosen, shape in calls}.values())

    def _check_rule(
        self, rule: Any, shape: tuple[int, ...], scope: Scope, turn: Turn | None
    ) -> None:
        theta, gradient = self._draw(*shape), self._draw(*shape)
        given = {"theta": theta, "gradient": gradient}
        before = self._copies(given)
        made = rule.init(theta)
        if not isinstance(made, Mapping):
            raise BrokenPromise(rule, f"init must return the state by name. Got {made!r:.80}")
        for name, slot in made.items():
            _check_slot(rule, f"the slot {name!r} that init returns", slot, theta, scope)
        self._check_untouched(rule, "init", given, before)
        xp = array_namespace(theta)
        state = {name: xp.asarray(slot, copy=True) for name, slot in made.items()}
        given |= {f"state[{name!r}]": slot for name, slot in state.items()}
        before = self._copies(given)
        column = np.ones((RUNS, *[1] * (len(shape) - 1)))
        lr, t = self._backend.to_device(RATE * column), self._backend.to_device(column)
        more = {"batch": Quadratic(theta)} if scope is Scope.OBJECTIVE else {}
        arrays = (gradient, theta) if turn is Turn.GRADIENT else (theta, gradient)
        _check_call(rule, *arrays, dict(state), lr=lr, t=t, **more)
        returned = rule.step(*arrays, dict(state), lr=lr, t=t, **more)
        self._check_untouched(rule, "step", given, before)
        self._check_step(rule, returned, theta, state)
        self._check_untouched(rule, "evaluated", given, before)

    def _check_step(self, rule: Any, returned: Any, theta: Array, state: dict[str, Array]) -> None:
        if not (isinstance(returned, tuple) and len(returned) == 2):
            raise BrokenPromise(rule, f"step must return (theta, state). Got a {_type(returned)}")
        new, slots = returned
        _check_array(rule, "the array that step returns first", new, theta)
        if not isinstance(slots, Mapping) or set(slots) != set(state):
            found = sorted(map(str, slots)) if isinstance(slots, Mapping) else _type(slots)
            raise BrokenPromise(
                rule,
                f"step must return the slots that init has made: {sorted(state)}. Got {found}",
            )
        for name, slot in slots.items():
            _check_array(rule, f"the slot {name!r} that step returns", slot, state[name])
        if hasattr(rule, "evaluated"):
            _check_array(rule, "what evaluated returns", rule.evaluated(theta, dict(state)), theta)

    # --- losses -----------------------------------------------------------------------------------

    def _targets(self, activation: str) -> Array:
        """What a loss with this head is held against."""
        shape = (RUNS, SAMPLES, self._network.sizes[-1])
        if activation == "identity":
            return self._draw(*shape)
        classes = _rng().integers(shape[-1], size=shape[:-1])
        return self._backend.to_device(np.eye(shape[-1])[classes])

    def _check_loss(self, loss: Any, values: Array, *target: Array) -> None:
        given = dict(zip(("output", "target"), (values, *target), strict=False))
        before = self._copies(given)
        value, gradient = loss.value(values, *target), loss.gradient(values, *target)
        self._check_untouched(loss, "value or gradient", given, before)
        if _shape(value) != (RUNS,):
            raise BrokenPromise(
                loss,
                f"value must return one mean a run, of shape ({RUNS},) for {RUNS} runs. Got "
                f"{_shape(value)}",
            )
        _check_array(loss, "what gradient returns", gradient, values)
        for name, found in (("value", value), ("gradient", gradient)):
            if not np.isfinite(self._backend.to_host(found)).all():
                raise BrokenPromise(
                    loss, f"{name} must be finite where outputs are of ordinary size"
                )

    # --- what was given ---------------------------------------------------------------------------

    def _copies(self, arrays: Mapping[str, Array]) -> dict[str, np.ndarray]:
        return {name: self._backend.to_host(array) for name, array in arrays.items()}

    def _check_untouched(
        self,
        component: Any,
        method: str,
        given: Mapping[str, Array],
        before: Mapping[str, np.ndarray],
    ) -> None:
        for name, array in given.items():
            if not np.array_equal(self._backend.to_host(array), before[name], equal_nan=True):
                raise BrokenPromise(component, f"{method} must not write into its argument {name}")


def _rng() -> np.random.Generator:
    return np.random.default_rng(0)


def _check_call(rule: Any, *arguments: Any, **keywords: Any) -> None:
    """Raises BrokenPromise unless step takes what it is called with."""
    try:
        inspect.signature(rule.step).bind(*arguments, **keywords)
    except TypeError as error:
        raise BrokenPromise(
            rule,
            f"step must take two arrays, the state, and by name {', '.join(keywords)}; batch is given "
            f"with Scope.OBJECTIVE alone. It does not: {error}",
        ) from None


def _check_array(component: Any, what: str, found: Any, like: Array) -> None:
    """Raises BrokenPromise unless `found` has the shape and the dtype of `like`."""
    if _shape(found) != _shape(like) or getattr(found, "dtype", None) != like.dtype:
        raise BrokenPromise(
            component,
            f"{what} must have shape {_shape(like)} and dtype {like.dtype}. Got "
            f"{_shape(found)} and {getattr(found, 'dtype', _type(found))}",
        )


def _check_slot(component: Any, what: str, found: Any, theta: Array, scope: Scope) -> None:
    """Raises BrokenPromise unless `found` is like θ, or has its runs and dtype where that is enough."""
    leads = scope is not Scope.ELEMENT and _shape(found)[:1] == (RUNS,)
    if not leads or getattr(found, "dtype", None) != theta.dtype:
        _check_array(component, what, found, theta)


def _shape(array: Any) -> tuple[int, ...]:
    return tuple(getattr(array, "shape", ()))


def _type(value: Any) -> str:
    return type(value).__name__
