"""The schedules against torch.optim.lr_scheduler, step by step, and against their formulas."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import harness
from harness import Horizon
from harness.training.stack import Stack
from harness_schedules import (
    Constant,
    Cosine,
    CosineRestarts,
    Exponential,
    InverseSqrt,
    MultiStep,
    OneCycle,
    Polynomial,
    RangeTest,
    ReduceOnPlateau,
    Step,
    WarmupStableDecay,
    harness_schedules,
)

torch = pytest.importorskip("torch")

some = settings(deadline=None, max_examples=20)
sizes = st.integers(1, 12)


def of_torch(build: Callable[[Any], Any], steps: int) -> np.ndarray:
    """The rates of the first steps from a base rate of 1, the scheduler moved at each step."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler, rates = build(optimizer), []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return np.array(rates)


def factors(schedule: harness.Schedule, per_epoch: int, epochs: int) -> np.ndarray:
    return schedule.factor(np.arange(float(per_epoch * epochs)), Horizon(per_epoch, epochs))


def test_constant() -> None:
    np.testing.assert_array_equal(factors(Constant(), 3, 4), np.ones(12))


@some
@given(per_epoch=sizes, epochs=sizes, every=st.integers(1, 5), gamma=st.floats(0.01, 1))
def test_step_is_torchs(per_epoch: int, epochs: int, every: int, gamma: float) -> None:
    build = torch.optim.lr_scheduler.StepLR
    expected = of_torch(lambda o: build(o, step_size=every, gamma=gamma), epochs).repeat(per_epoch)
    actual = factors(Step(every, gamma), per_epoch, epochs)
    np.testing.assert_allclose(actual, expected, rtol=1e-12)


@some
@given(per_epoch=sizes, epochs=sizes, gamma=st.floats(0.01, 1))
def test_exponential_is_torchs_at_each_epoch_and_geometric_between(
    per_epoch: int, epochs: int, gamma: float
) -> None:
    actual = factors(Exponential(gamma), per_epoch, epochs)
    expected = of_torch(lambda o: torch.optim.lr_scheduler.ExponentialLR(o, gamma), epochs)
    np.testing.assert_allclose(actual[::per_epoch], expected, rtol=1e-12)
    np.testing.assert_allclose(actual[1:] / actual[:-1], gamma ** (1 / per_epoch), rtol=1e-12)


@some
@given(per_epoch=sizes, epochs=sizes, final=st.floats(0, 1))
def test_cosine_is_torchs(per_epoch: int, epochs: int, final: float) -> None:
    steps = per_epoch * epochs
    build = torch.optim.lr_scheduler.CosineAnnealingLR
    expected = of_torch(lambda o: build(o, T_max=steps, eta_min=final), steps)
    actual = factors(Cosine(final), per_epoch, epochs)
    np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-12)


def test_cosine_ends_at_its_final_factor_and_stays() -> None:
    actual = Cosine(final=0.2).factor(np.array([10.0, 11.0, 20.0]), Horizon(2, 5))
    np.testing.assert_allclose(actual, 0.2, rtol=1e-15)


def test_cosine_takes_part_of_an_epoch() -> None:
    """Eq. 5 of SGDR, ½(1 + cos(π T_cur / T)), half way through 2.5 epochs of 4 steps."""
    actual = Cosine().factor(np.array([5.0]), Horizon(steps_per_epoch=4, epochs=2.5))
    np.testing.assert_allclose(actual, [0.5], rtol=1e-15)


@some
@given(per_epoch=sizes, milestones=st.lists(st.integers(1, 12), unique=True).map(sorted))
def test_multi_step_is_torchs(per_epoch: int, milestones: list[int]) -> None:
    build = torch.optim.lr_scheduler.MultiStepLR
    expected = of_torch(lambda o: build(o, milestones, gamma=0.3), 12).repeat(per_epoch)
    actual = factors(MultiStep(milestones, 0.3), per_epoch, 12)
    np.testing.assert_allclose(actual, expected, rtol=1e-12)


@some
@given(per_epoch=sizes, epochs=sizes, power=st.floats(0.2, 4))
def test_polynomial_is_torchs(per_epoch: int, epochs: int, power: float) -> None:
    steps = per_epoch * epochs
    build = torch.optim.lr_scheduler.PolynomialLR
    expected = of_torch(lambda o: build(o, total_iters=steps, power=power), steps)
    actual = factors(Polynomial(power), per_epoch, epochs)
    np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-12)


def test_polynomial_ends_at_its_final_factor_and_stays() -> None:
    actual = Polynomial(2.0, final=0.2).factor(np.array([5.0, 10.0, 20.0]), Horizon(2, 5))
    np.testing.assert_allclose(actual, [0.2 + 0.8 / 4, 0.2, 0.2], rtol=1e-15)


@pytest.mark.parametrize("warmup", [1, 4])
def test_inverse_sqrt_after_a_warmup_is_vaswanis(run_of: Any, warmup: int) -> None:
    """Eq. 3, lr = d^-½ min(n^-½, n w^-3/2) for step n from 1, with d = 1/w so that its peak is 1.

    But for one step: here the peak is held for one more.
    """
    run = run_of(
        "schedule=inverse_sqrt",
        f"schedule.epochs={warmup}",
        f"training.warmup_epochs={warmup}",
        "optimizer.lr=1",
    )
    steps, w = 5, warmup * 5
    rates = [Stack((run,)).rates(np.array([e]), steps, 32)[:, 0] for e in range(1, 12)]
    n = np.arange(1, 56.0)
    warming = w**0.5 * n * w**-1.5
    falling = w**0.5 * np.maximum(n - 1, 1) ** -0.5
    expected = np.where(n <= w, warming, falling)
    np.testing.assert_allclose(np.concatenate(rates), expected, rtol=1e-12)


@some
@given(
    per_epoch=sizes, epochs=st.integers(1, 40), first=st.integers(1, 6), growth=st.integers(1, 3)
)
def test_cosine_restarts_are_torchs(per_epoch: int, epochs: int, first: int, growth: int) -> None:
    """Torch's is moved to fractions of an epoch, as its documentation does in a loop of batches."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    build = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts
    scheduler, expected = build(optimizer, first, growth, eta_min=0.1), []
    optimizer.step()
    for step in range(per_epoch * epochs):
        scheduler.step(step / per_epoch)
        expected.append(optimizer.param_groups[0]["lr"])
    actual = factors(CosineRestarts(first, growth, final=0.1), per_epoch, epochs)
    np.testing.assert_allclose(actual, expected, rtol=1e-9)


def test_cosine_restarts_with_fractions() -> None:
    """Cycles of 1.5, 2.25 and 3.375 epochs: they restart at 1.5, 3.75 and 7.125, to the step."""
    actual = CosineRestarts(1.5, 1.5).factor(np.arange(60.0), Horizon(8, 7.5))
    assert np.flatnonzero(actual == 1.0).tolist() == [0, 12, 30, 57]
    assert actual[[11, 29, 56]].max() < 0.02


@some
@given(
    per_epoch=sizes,
    epochs=st.integers(2, 12),
    rise=st.floats(0.05, 0.95),
    shape=st.sampled_from(["cosine", "linear"]),
)
def test_one_cycle_is_torchs(per_epoch: int, epochs: int, rise: float, shape: str) -> None:
    steps = per_epoch * epochs
    if rise * steps <= 1:  # torch's first phase ends before the first step, and divides by nothing
        return
    expected = of_torch(
        lambda o: torch.optim.lr_scheduler.OneCycleLR(
            o,
            max_lr=1.0,
            total_steps=steps,
            pct_start=rise,
            anneal_strategy={"cosine": "cos", "linear": "linear"}[shape],
            div_factor=10,
            final_div_factor=100,
            cycle_momentum=False,
        ),
        steps,
    )
    actual = factors(OneCycle(rise, 10, 100, shape), per_epoch, epochs)
    np.testing.assert_allclose(actual, expected, rtol=1e-9)


def test_one_cycle_stays_at_its_end() -> None:
    actual = OneCycle(start=4, end=5).factor(np.array([9.0, 10.0, 99.0]), Horizon(2, 5))
    np.testing.assert_allclose(actual, 1 / 20, rtol=1e-12)


@pytest.mark.parametrize(("shape", "half"), [("linear", 0.5), ("sqrt", 1 - 0.5**0.5)])
def test_warmup_stable_decay_by_hand(shape: str, half: float) -> None:
    """Of 40 steps the last 10 fall from 1 to f = 0.2."""
    schedule = WarmupStableDecay(decay=0.25, final=0.2, shape=shape)
    actual = schedule.factor(np.array([0.0, 30.0, 35.0, 40.0, 50.0]), Horizon(4, 10))
    np.testing.assert_allclose(actual, [1, 1, 0.2 + 0.8 * half, 0.2, 0.2], rtol=1e-12)


def test_range_test_by_hand() -> None:
    """Four epochs of three steps: 1e-3, 1e-2, 1e-1, 1; or equal steps from 0.1 to 1."""
    actual = factors(RangeTest(1e-3), 3, 4)
    np.testing.assert_allclose(actual, np.repeat([1e-3, 1e-2, 1e-1, 1], 3), rtol=1e-12)
    actual = factors(RangeTest(0.1, "linear"), 3, 4)
    np.testing.assert_allclose(actual, np.repeat([0.1, 0.4, 0.7, 1], 3), rtol=1e-12)


@some
@given(
    values=st.lists(st.floats(0, 2), max_size=60),
    patience=st.integers(0, 4),
    cooldown=st.integers(0, 3),
    min_change=st.floats(0, 0.5),
    negated=st.booleans(),
)
def test_reduce_on_plateau_is_torchs(
    values: list[float], patience: int, cooldown: int, min_change: float, negated: bool
) -> None:
    """Also for a metric of which more is better, which the core hands out with its sign changed."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer,
        mode="max" if negated else "min",
        factor=0.5,
        patience=patience,
        threshold=min_change,
        cooldown=cooldown,
        min_lr=0.01,
        eps=0,
    )
    schedule = ReduceOnPlateau(0.5, patience, min_change, cooldown, final=0.01)
    signed = -np.array(values) if negated else np.array(values)
    for epoch, value in enumerate(values):
        assert schedule.factor_after(signed[:epoch]) == optimizer.param_groups[0]["lr"]
        scheduler.step(value)
    assert schedule.factor_after(signed) == optimizer.param_groups[0]["lr"]


def test_reduce_on_plateau_asks_for_more_than_nothing_below_zero() -> None:
    """10 % of −1 is 0.1: −1.05 is no improvement. Torch's threshold would ask for less than −0.9."""
    schedule = ReduceOnPlateau(0.5, patience=0, min_change=0.1)
    assert schedule.factor_after(np.array([-1.0, -1.05])) == 0.5
    assert schedule.factor_after(np.array([-1.0, -1.15])) == 1.0


def test_reduce_on_plateau_takes_nan_for_no_improvement() -> None:
    schedule = ReduceOnPlateau(0.5, patience=1)
    assert schedule.factor_after(np.array([np.nan, np.nan, 1.0, 0.5])) == 0.5


BELOW_1 = {"one_cycle": 1 / 25, "range_test": 1e-7}  # where the others start at 1


@pytest.mark.parametrize("name", harness_schedules())
def test_a_warmup_comes_before_every_schedule(run_of: Any, name: str) -> None:
    """A line up to `lr` in 1.5 of 6 epochs, then the schedule as in a run of 4.5 epochs."""
    run = run_of(
        f"schedule={name}",
        "optimizer.lr=0.5",
        "training.warmup_epochs=1.5",
        "training.max_epochs=6",
        *(["schedule.milestones=[1,3]"] if name == "multi_step" else []),
    )
    rates = [Stack((run,)).rates(np.array([e]), 4, 32)[:, 0] for e in range(1, 7)]
    scheduled = run.config.schedule.factor(np.arange(18.0), Horizon(4, 4.5))
    expected = 0.5 * np.concatenate([np.arange(1, 7) / 6, scheduled])
    np.testing.assert_allclose(np.concatenate(rates), expected, rtol=1e-14)


@pytest.mark.parametrize("name", sorted(harness_schedules().keys() - BELOW_1))
def test_a_schedule_starts_at_1_and_keeps_shape_and_dtype(name: str) -> None:
    """Also where the warm-up leaves no step for it."""
    kind = harness_schedules()[name]
    for epochs in (3, 0):
        actual = kind().factor(np.zeros(4), Horizon(5, epochs))
        assert actual.dtype == np.float64
        np.testing.assert_array_equal(actual, np.ones(4))


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        (Step, {"every": 0}, r"'every' of Step must be in the range \[1, inf\). Got 0"),
        (Step, {"gamma": 0.0}, r"'gamma' of Step must be in the range \(0, 1\]"),
        (Exponential, {"gamma": 1.1}, r"'gamma' of Exponential must be in the range \(0, 1\]"),
        (Cosine, {"final": -0.1}, r"'final' of Cosine must be in the range \[0, 1\]"),
        (Cosine, {"final": 1.1}, "'final' of Cosine"),
        (MultiStep, {"milestones": [5, 5]}, r"must be rising epochs .* Got \[5, 5\]"),
        (MultiStep, {"milestones": [0, 5]}, r"must be rising epochs"),
        (Polynomial, {"power": 0.0}, r"'power' of Polynomial must be in the range \(0, inf\)"),
        (InverseSqrt, {"epochs": 0.0}, "'epochs' of InverseSqrt"),
        (CosineRestarts, {"first": 0.5}, r"'first' of CosineRestarts .* \[1, inf\)"),
        (CosineRestarts, {"growth": 0.9}, "'growth' of CosineRestarts"),
        (OneCycle, {"rise": 1.0}, r"'rise' of OneCycle must be in the range \(0, 1\)"),
        (OneCycle, {"shape": "sine"}, "must be one of cosine, linear. Got 'sine'"),
        (WarmupStableDecay, {"decay": 0.0}, "'decay' of WarmupStableDecay"),
        (RangeTest, {"start": 0.0}, r"'start' of RangeTest must be in the range \(0, 1\)"),
        (ReduceOnPlateau, {"patience": -1}, "'patience' of ReduceOnPlateau"),
        (ReduceOnPlateau, {"min_change": 1.0}, "'min_change' of ReduceOnPlateau"),
    ],
)
def test_settings_out_of_range_are_refused(kind: Any, settings: Any, message: str) -> None:
    with pytest.raises(harness.ConfigurationError, match=message):
        kind(**settings)


def test_the_hook_hands_out_every_schedule() -> None:
    assert harness_schedules() == {
        "constant": Constant,
        "step": Step,
        "multi_step": MultiStep,
        "exponential": Exponential,
        "polynomial": Polynomial,
        "inverse_sqrt": InverseSqrt,
        "cosine": Cosine,
        "cosine_restarts": CosineRestarts,
        "one_cycle": OneCycle,
        "warmup_stable_decay": WarmupStableDecay,
        "reduce_on_plateau": ReduceOnPlateau,
        "range_test": RangeTest,
    }
    for kind in harness_schedules().values():
        assert isinstance(kind(), harness.Schedule)
        assert isinstance(kind(), harness.AdaptiveSchedule) == (kind is ReduceOnPlateau)
