"""Whether update rules and losses do what the contract says: each is tried once on a few numbers.

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
    """Tries the components of runs, each kind once.

    Args:
        backend: Backend that the runs train on.
        network: Their network.
    """

    def __init__(self, backend: Backend, network: Network) -> None:
        self._backend = backend
        self._network = network
        self._tried: set[str] = set()

    def check(self, run: Run) -> None:
        """Raises BrokenPromise for the first promise that a component of the run does not keep."""
        config = run.config
        for rule in (config.optimizer, *config.wrapper.values()):
            if self._is_new(kind_of(rule)):
                for called, shape in self._calls(rule):
                    self._check_rule(called, shape, rule.scope, getattr(rule, "turn", None))
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
        """The rules to call, each with a shape of θ: the given rule, or those that it chooses.

        There are none for scope BACKEND, which has no formula.
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
        arguments = {"theta": theta, "gradient": gradient}
        before = self._copies(arguments)
        initial = rule.init(theta)
        if not isinstance(initial, Mapping):
            raise BrokenPromise(rule, f"init must return the state by name. Got {initial!r:.80}")
        for name, slot in initial.items():
            _check_slot(rule, f"the slot {name!r} that init returns", slot, theta, scope)
        self._check_untouched(rule, "init", arguments, before)
        xp = array_namespace(theta)
        state = {name: xp.asarray(slot, copy=True) for name, slot in initial.items()}
        arguments |= {f"state[{name!r}]": slot for name, slot in state.items()}
        before = self._copies(arguments)
        column = np.ones((RUNS, *[1] * (len(shape) - 1)))
        lr, t = self._backend.to_device(RATE * column), self._backend.to_device(column)
        batch = {"batch": Quadratic(theta)} if scope is Scope.OBJECTIVE else {}
        arrays = (gradient, theta) if turn is Turn.GRADIENT else (theta, gradient)
        _check_call(rule, *arrays, dict(state), lr=lr, t=t, **batch)
        returned = rule.step(*arrays, dict(state), lr=lr, t=t, **batch)
        self._check_untouched(rule, "step", arguments, before)
        self._check_step(rule, returned, theta, state)
        self._check_untouched(rule, "evaluated", arguments, before)

    def _check_step(self, rule: Any, returned: Any, theta: Array, state: dict[str, Array]) -> None:
        if not (isinstance(returned, tuple) and len(returned) == 2):
            raise BrokenPromise(rule, f"step must return (theta, state). Got a {_type(returned)}")
        new, slots = returned
        _check_array(rule, "the array that step returns first", new, theta)
        if not isinstance(slots, Mapping) or set(slots) != set(state):
            names = sorted(map(str, slots)) if isinstance(slots, Mapping) else _type(slots)
            raise BrokenPromise(
                rule,
                f"step must return the slots that init has made: {sorted(state)}. Got {names}",
            )
        for name, slot in slots.items():
            _check_array(rule, f"the slot {name!r} that step returns", slot, state[name])
        if hasattr(rule, "evaluated"):
            _check_array(rule, "what evaluated returns", rule.evaluated(theta, dict(state)), theta)

    # --- losses -----------------------------------------------------------------------------------

    def _targets(self, activation: str) -> Array:
        """Targets for a loss with this output activation, (RUNS, SAMPLES, K)."""
        shape = (RUNS, SAMPLES, self._network.sizes[-1])
        if activation == "identity":
            return self._draw(*shape)
        classes = _rng().integers(shape[-1], size=shape[:-1])
        return self._backend.to_device(np.eye(shape[-1])[classes])

    def _check_loss(self, loss: Any, values: Array, *target: Array) -> None:
        arguments = dict(zip(("output", "target"), (values, *target), strict=False))
        before = self._copies(arguments)
        value, gradient = loss.value(values, *target), loss.gradient(values, *target)
        self._check_untouched(loss, "value or gradient", arguments, before)
        if _shape(value) != (RUNS,):
            raise BrokenPromise(
                loss,
                f"value must return one mean a run, of shape ({RUNS},) for {RUNS} runs. Got "
                f"{_shape(value)}",
            )
        _check_array(loss, "what gradient returns", gradient, values)
        for name, numbers in (("value", value), ("gradient", gradient)):
            if not np.isfinite(self._backend.to_host(numbers)).all():
                raise BrokenPromise(
                    loss, f"{name} must be finite where outputs are of ordinary size"
                )

    # --- arguments --------------------------------------------------------------------------------

    def _copies(self, arrays: Mapping[str, Array]) -> dict[str, np.ndarray]:
        return {name: self._backend.to_host(array) for name, array in arrays.items()}

    def _check_untouched(
        self,
        component: Any,
        method: str,
        arguments: Mapping[str, Array],
        before: Mapping[str, np.ndarray],
    ) -> None:
        for name, array in arguments.items():
            if not np.array_equal(self._backend.to_host(array), before[name], equal_nan=True):
                raise BrokenPromise(component, f"{method} must not write into its argument {name}")


def _rng() -> np.random.Generator:
    return np.random.default_rng(0)


def _check_call(rule: Any, *arguments: Any, **keywords: Any) -> None:
    """Raises BrokenPromise unless `step` takes these arguments."""
    try:
        inspect.signature(rule.step).bind(*arguments, **keywords)
    except TypeError as error:
        raise BrokenPromise(
            rule,
            f"step must take two arrays, the state, and by name {', '.join(keywords)}; batch is given "
            f"with Scope.OBJECTIVE alone. It does not: {error}",
        ) from None


def _check_array(component: Any, what: str, array: Any, like: Array) -> None:
    """Raises BrokenPromise unless `array` has the shape and the dtype of `like`."""
    if _shape(array) != _shape(like) or getattr(array, "dtype", None) != like.dtype:
        raise BrokenPromise(
            component,
            f"{what} must have shape {_shape(like)} and dtype {like.dtype}. Got "
            f"{_shape(array)} and {getattr(array, 'dtype', _type(array))}",
        )


def _check_slot(component: Any, what: str, slot: Any, theta: Array, scope: Scope) -> None:
    """Raises BrokenPromise unless the slot is like θ, or has its runs and dtype where that is enough."""
    leads = scope is not Scope.ELEMENT and _shape(slot)[:1] == (RUNS,)
    if not leads or getattr(slot, "dtype", None) != theta.dtype:
        _check_array(component, what, slot, theta)


def _shape(array: Any) -> tuple[int, ...]:
    return tuple(getattr(array, "shape", ()))


def _type(value: Any) -> str:
    return type(value).__name__
