"""What the conformance suite leaves out: decay, tracing with symbols, ranges, the hook."""

from dataclasses import fields
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import harness
import harness_optimizers
from harness_optimizers import (
    Adam,
    AdamW,
    AveragedMomentum,
    HeavyBall,
    Nesterov,
    RAdam,
    Rprop,
    ScheduleFreeSgd,
    Sgd,
)
from harness_optimizers import harness_optimizers as handed_out

RULES = list(handed_out().values())
ELEMENTWISE = [kind for kind in RULES if kind.scope is harness.Scope.ELEMENT]
every_rule = pytest.mark.parametrize("kind", ELEMENTWISE, ids=lambda kind: kind.__name__)

ENDS = {  # the ends of the values that each field takes here
    "lr": (1e-3, 0.1),
    "momentum": (0.5, 0.95),
    "decay": (0.5, 0.99),
    "beta1": (0.5, 0.95),
    "beta2": (0.8, 0.999),
    "beta3": (0.8, 0.999),
    "eps": (1e-8, 0.1),
    "weight_decay": (0.01, 0.3),
    "increase": (1.1, 1.5),
    "decrease": (0.2, 0.8),
    "low": (1e-3, 0.5),
    "high": (2.0, 50.0),
}


def of_rows(kind: Any, columns: dict[str, Any]) -> Any:
    """The rule with (R, 1) arrays for fields, as the runs of a stack have it."""
    return harness.with_fields(kind(), **columns)


def columns_of(kind: Any, runs: int) -> dict[str, np.ndarray]:
    return {f.name: np.linspace(*ENDS[f.name], runs)[:, None] for f in fields(kind)}


def run(rule: Any, theta: Any, gradients: Any, lr: Any) -> tuple[Any, Any]:
    state = rule.init(theta)
    for t, gradient in enumerate(gradients, start=1):
        theta, state = rule.step(theta, gradient, state, lr=lr * (1 + 1 / t), t=t)
    return theta, state


@pytest.fixture
def stack() -> tuple[np.ndarray, np.ndarray]:
    """θ (5, 11) and 20 gradients."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(5, 11)), rng.normal(size=(20, 5, 11))


@every_rule
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_without_a_gradient_only_decay_moves(kind: Any, dtype: str) -> None:
    theta = np.array([[1.0, -2.0, 0.0]], dtype)
    rule = kind()
    actual, _ = run(rule, theta, np.zeros((30, 1, 3), dtype), rule.lr)
    share = 1.0
    for t in range(1, 31):
        share *= 1 - rule.lr * (1 + 1 / t) * getattr(rule, "weight_decay", 0.0)
    np.testing.assert_allclose(actual, share * theta, rtol=1e-6 if dtype == "float32" else 1e-13)


class Symbol:
    """A number without a value: it has arithmetic and the functions below."""

    def __init__(self, value: Any) -> None:
        self.hidden = value

    def __array_namespace__(self) -> SimpleNamespace:
        names = ("sqrt", "abs", "sign", "square", "maximum", "minimum", "where")
        names += ("zeros_like", "ones_like")
        functions = {name: getattr(np, name) for name in names}
        return SimpleNamespace(
            **{name: _symbolic(function) for name, function in functions.items()}
        )

    def __bool__(self) -> bool:
        raise AssertionError("a rule branched on a value")


def _symbolic(function: Any) -> Any:
    def of_symbols(*arguments: Any) -> Symbol:
        return Symbol(function(*(getattr(a, "hidden", a) for a in arguments)))

    return of_symbols


for _name in ("add", "sub", "mul", "truediv", "pow", "neg", "abs", "lt", "le", "gt", "ge"):
    for _side in ("", "r") if _name in ("add", "sub", "mul", "truediv", "pow") else ("",):
        _method = f"__{_side}{_name}__"
        setattr(Symbol, _method, _symbolic(getattr(np.ndarray, _method)))


@every_rule
def test_a_rule_can_be_traced_with_symbols(kind: Any, stack: Any) -> None:
    theta, gradients = stack
    columns = columns_of(kind, 5)
    expected, _ = run(of_rows(kind, columns), theta, gradients, columns["lr"])
    rule = of_rows(kind, {name: Symbol(column) for name, column in columns.items()})
    actual = Symbol(theta)
    state = rule.init(actual)
    for t, gradient in enumerate(gradients, start=1):
        lr = Symbol(columns["lr"] * (1 + 1 / t))
        actual, state = rule.step(
            actual, Symbol(gradient), state, lr=lr, t=Symbol(np.full((5, 1), float(t)))
        )
    np.testing.assert_allclose(actual.hidden, expected, rtol=1e-14)


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        (Sgd, {"lr": -0.1}, r"'lr' of Sgd must be in the range \[0, inf\). Got -0.1"),
        (Sgd, {"lr": float("nan")}, "'lr' of Sgd"),
        (HeavyBall, {"momentum": 1.0}, r"'momentum' of HeavyBall .* \[0, 1\). Got 1.0"),
        (AveragedMomentum, {"momentum": -0.1}, "'momentum' of AveragedMomentum"),
        (Nesterov, {"momentum": 1.5}, "'momentum' of Nesterov"),
        (Adam, {"beta1": 1.0}, r"'beta1' of Adam .* \[0, 1\)"),
        (Adam, {"beta2": 1.0}, "'beta2' of Adam"),
        (Adam, {"eps": 0.0}, r"'eps' of Adam .* \(0, inf\)"),
        (AdamW, {"beta1": -0.1}, "'beta1' of AdamW"),
        (AdamW, {"beta2": 1.0}, "'beta2' of AdamW"),
        (AdamW, {"eps": 0.0}, "'eps' of AdamW"),
        (AdamW, {"weight_decay": -1.0}, r"'weight_decay' of AdamW .* \[0, inf\)"),
        (RAdam, {"beta2": 0.6}, r"'beta2' of RAdam .* \(0.6, 1\)"),
        (Rprop, {"low": 2.0}, r"'low' of Rprop .* \(0, 1\]"),
        (Rprop, {"increase": 1.0}, r"'increase' of Rprop .* \(1, inf\)"),
        (ScheduleFreeSgd, {"momentum": 0.0}, r"'momentum' of ScheduleFreeSgd .* \(0, 1\)"),
        *((kind, {"lr": float("inf")}, f"'lr' of {kind.__name__}") for kind in RULES),
    ],
)
def test_settings_out_of_range_are_refused(kind: Any, settings: Any, message: str) -> None:
    with pytest.raises(harness.ConfigurationError, match=message):
        kind(**settings)


def test_the_hook_hands_out_every_rule_of_the_package() -> None:
    rules = handed_out()
    assert {kind.__name__ for kind in rules.values()} == set(harness_optimizers.__all__)
    for name, kind in rules.items():
        assert isinstance(kind(), harness.Optimizer)
        assert kind.__module__ == f"harness_optimizers.{name}"
