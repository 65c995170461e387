"""Each rule against another implementation in PyTorch, in float64, on a non-convex function.

The other one is that of `torch.optim` if it has the rule, else of `pytorch_optimizer`. Hyperparameters
are random.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from math import sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import harness_optimizers as ours

torch = pytest.importorskip("torch")
pytorch_optimizer = pytest.importorskip("pytorch_optimizer")

START = np.linspace(-2.0, 2.5, 7)
STEPS = 50


def gradient(theta: np.ndarray) -> np.ndarray:
    """Of Σ (1 − cos 3θᵢ)/3 + θᵢ⁴/40 + θᵢ θᵢ₊₁ / 10, which has many valleys."""
    return np.sin(3 * theta) + theta**3 / 10 + (np.roll(theta, 1, -1) + np.roll(theta, -1, -1)) / 10


def rate(base: float, t: int) -> float:
    """A rate that changes from step to step: where the forms of momentum differ."""
    return base * (1 + 0.5 * np.sin(t))


Group = Mapping[str, Any]  # PyTorch's name for the settings of some parameters


def assert_same(
    rule: Any,
    build: Callable[[list[Any]], Any],
    group: Callable[[float, int], Group] = lambda lr, t: {"lr": lr},
    unlike: Callable[[int], bool] = lambda t: False,
    rtol: float = 1e-11,
    rate: Callable[[float, int], float] = rate,
) -> None:
    """Both walk along torch's path and see its gradients: a chaotic path would magnify rounding.

    group: what torch is given at step t for a rate. unlike: at which steps the two are known to differ.
    """
    theta, state = START[None, :], rule.init(START[None, :])
    tensor = torch.tensor(START, requires_grad=True)
    optimizer = build([tensor])
    for t in range(1, STEPS + 1):
        before = tensor.detach().numpy().copy()
        g = gradient(before)
        new, state = rule.step(theta, g[None, :], state, lr=rate(rule.lr, t), t=t)
        optimizer.param_groups[0].update(group(rate(rule.lr, t), t))
        tensor.grad = torch.from_numpy(g.copy())
        optimizer.step()
        expected = tensor.detach().numpy()
        if not unlike(t):
            np.testing.assert_allclose(new[0], expected, rtol=rtol, atol=rtol, err_msg=f"{t=}")
        theta = expected[None, :].copy() if unlike(t) else new


rates = st.floats(1e-4, 0.1)
momenta = st.floats(0.0, 0.95)
betas = st.floats(0.0, 0.9999)
epsilons = st.floats(-10, -2).map(lambda power: 10.0**power)
ADAM = {"lr": rates, "beta1": momenta, "beta2": betas, "eps": epsilons}


@dataclass(frozen=True)
class Case:
    """A rule, a source of its settings, and another implementation of it."""

    kind: Any
    draws: Mapping[str, Any]
    other: Any
    translated: Callable[[Any], Group] = lambda rule: {}
    group: Callable[[Any, float, int], Group] = lambda rule, lr, t: {"lr": lr}
    unlike: Callable[[Any, int], bool] = lambda rule, t: False
    rtol: float = 1e-11
    rate: Callable[[float, int], float] = rate


def adam(rule: Any) -> Group:
    return {"betas": (rule.beta1, rule.beta2), "eps": rule.eps}


def uncorrected(rule: Any, lr: float, t: int) -> Group:
    """Settings with which Adam does not correct its means for their start from 0."""
    root = sqrt(1 - rule.beta2**t)
    return {"lr": lr * (1 - rule.beta1**t) / root, "eps": rule.eps / root}


def rho(rule: Any, t: int) -> float:
    power = rule.beta2**t
    return 2 / (1 - rule.beta2) - 1 - 2 * t * power / (1 - power)


def rprop(rule: Any) -> Group:
    return {
        "etas": (rule.decrease, rule.increase),
        "step_sizes": (rule.low * rule.lr, rule.high * rule.lr),
    }


optim = torch.optim
CASES = [
    Case(ours.Sgd, {"lr": rates}, optim.SGD),
    Case(
        ours.HeavyBall,
        {"lr": rates, "momentum": momenta},
        optim.SGD,
        lambda rule: {"momentum": rule.momentum},
    ),
    Case(
        ours.AveragedMomentum,  # the heavy ball at a smaller rate
        {"lr": rates, "momentum": momenta},
        optim.SGD,
        lambda rule: {"momentum": rule.momentum},
        lambda rule, lr, t: {"lr": (1 - rule.momentum) * lr},
    ),
    Case(
        ours.Nesterov,
        {"lr": rates, "momentum": st.floats(0.01, 0.95)},
        optim.SGD,
        lambda rule: {"momentum": rule.momentum, "nesterov": True},
    ),
    Case(ours.Adam, ADAM, optim.Adam, adam),
    Case(
        ours.AdamW,
        {**ADAM, "weight_decay": st.floats(0, 1)},
        optim.AdamW,
        lambda rule: {**adam(rule), "weight_decay": rule.weight_decay},
    ),
    Case(
        ours.AdaGrad,
        {"lr": rates, "eps": epsilons},
        optim.Adagrad,
        lambda rule: {"eps": rule.eps},
    ),
    Case(
        ours.RmsProp,
        {"lr": rates, "decay": betas, "eps": epsilons},
        optim.RMSprop,
        lambda rule: {"alpha": rule.decay, "eps": rule.eps},
    ),
    Case(
        ours.RmsPropMomentum,
        {"lr": rates, "decay": betas, "momentum": st.floats(0.01, 0.95), "eps": epsilons},
        optim.RMSprop,
        lambda rule: {"alpha": rule.decay, "eps": rule.eps, "momentum": rule.momentum},
    ),
    Case(
        ours.RmsPropCentered,  # where ε, which torch has elsewhere, makes no difference
        {"lr": rates, "decay": st.floats(0.5, 0.99), "momentum": st.floats(0.01, 0.95)}
        | {"eps": st.just(1e-30)},
        optim.RMSprop,
        lambda rule: {
            "alpha": rule.decay,
            "eps": 0.0,
            "momentum": rule.momentum,
            "centered": True,
        },
        rtol=1e-7,  # n − g² cancels
    ),
    Case(
        ours.AdaDelta,
        {"lr": st.floats(0.1, 2), "decay": betas, "eps": epsilons},
        optim.Adadelta,
        lambda rule: {"rho": rule.decay, "eps": rule.eps},
    ),
    Case(
        ours.AmsGrad,
        ADAM,
        optim.Adam,
        lambda rule: {**adam(rule), "amsgrad": True},
        uncorrected,
    ),
    Case(ours.AdaMax, ADAM, optim.Adamax, adam),
    Case(ours.NAdam, ADAM, optim.NAdam, adam, rtol=1e-6),  # torch keeps the product of μ in float32
    Case(
        ours.RAdam,
        {**ADAM, "beta2": st.floats(0.61, 0.9999)},
        optim.RAdam,
        adam,
        unlike=lambda rule, t: 4 < rho(rule, t) <= 5,
        rtol=1e-9,
    ),
    Case(
        ours.Rprop,
        {"lr": st.floats(1e-3, 0.1), "increase": st.floats(1.05, 1.9)}
        | {"decrease": st.floats(0.1, 0.9), "low": st.floats(1e-3, 0.5), "high": st.floats(2, 50)},
        optim.Rprop,
        rprop,
        rate=lambda base, t: base,  # it is torch's first step, and has no meaning after that
    ),
    Case(
        ours.AdaBelief,
        {**ADAM, "beta1": st.floats(0.05, 0.95), "eps": epsilons},
        pytorch_optimizer.AdaBelief,
        adam,
        rtol=1e-8,  # ∇ℒ − m cancels
    ),
    Case(
        ours.Yogi,
        ADAM,
        pytorch_optimizer.Yogi,
        lambda rule: {**adam(rule), "initial_accumulator": 0.0},
        uncorrected,
    ),
    Case(
        ours.Adan,
        {**ADAM, "beta3": betas, "weight_decay": st.floats(0, 1)},
        pytorch_optimizer.Adan,
        lambda rule: {
            "betas": (rule.beta1, rule.beta2, rule.beta3),
            "eps": rule.eps,
            "weight_decay": rule.weight_decay,
        },
        lambda rule, lr, t: {"lr": lr},
    ),
    Case(ours.SignSgd, {"lr": rates}, pytorch_optimizer.SignSGD, lambda rule: {"momentum": 0.0}),
    Case(
        ours.ScheduleFreeSgd,
        {"lr": rates, "momentum": st.floats(0.05, 0.95)},
        pytorch_optimizer.ScheduleFreeSGD,
        lambda rule: {"momentum": rule.momentum},
        rate=lambda base, t: base,  # theirs weighs the mean by the rate
    ),
    Case(
        ours.ScheduleFreeAdamW,
        {"lr": rates, "beta1": st.floats(0.05, 0.95), "beta2": st.just(0.0)}
        # theirs adds 1e-15 under the root, which beside a small ε is felt where gradients are small
        | {"eps": st.floats(1e-3, 0.1), "weight_decay": st.floats(0, 1)},
        pytorch_optimizer.ScheduleFreeAdamW,
        lambda rule: {**adam(rule), "weight_decay": rule.weight_decay},
        rate=lambda base, t: base,  # and at β₂ = 0 the correction is in no weight
        rtol=1e-8,
    ),
    Case(
        ours.Lion,
        {"lr": rates, "beta1": momenta, "beta2": betas, "weight_decay": st.floats(0, 1)},
        pytorch_optimizer.Lion,
        lambda rule: {"betas": (rule.beta1, rule.beta2), "weight_decay": rule.weight_decay},
    ),
    Case(
        ours.Signum,
        {"lr": rates, "momentum": st.floats(0.01, 0.95)},
        pytorch_optimizer.SignSGD,
        lambda rule: {"momentum": rule.momentum},
    ),
]


@settings(deadline=None, max_examples=6)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.kind.__name__)
@given(data=st.data())
def test_a_rule_and_another_one_take_the_same_steps(case: Case, data: Any) -> None:
    rule = case.kind(**{name: data.draw(draw, name) for name, draw in case.draws.items()})
    build = partial(case.other, lr=rule.lr, **case.translated(rule))
    assert_same(
        rule, build, partial(case.group, rule), partial(case.unlike, rule), case.rtol, case.rate
    )


@settings(deadline=None, max_examples=6)
@given(lr=rates, momentum=momenta)
def test_averaged_momentum_is_dampening_from_the_second_step_on(lr: float, momentum: float) -> None:
    """torch begins with v = −∇ℒ where the average begins with v = 0: given that v, they agree."""

    class Started(ours.AveragedMomentum):
        def step(self, theta: Any, gradient: Any, state: Any, *, lr: Any, t: Any) -> Any:
            if t == 1:
                state = {"velocity": -gradient}
            return super().step(theta, gradient, state, lr=lr, t=t)

    build = partial(torch.optim.SGD, momentum=momentum, dampening=momentum)
    assert_same(Started(lr, momentum), build)
