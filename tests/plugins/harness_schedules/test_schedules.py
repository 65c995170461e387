"""The schedules against torch.optim.lr_scheduler, step by step, and against their formulas."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import harness
from harness import Horizon
from harness_schedules import Constant, Cosine, Exponential, Step, harness_schedules

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
    found = factors(Step(every, gamma), per_epoch, epochs)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@some
@given(per_epoch=sizes, epochs=sizes, gamma=st.floats(0.01, 1))
def test_exponential_is_torchs_at_each_epoch_and_geometric_between(
    per_epoch: int, epochs: int, gamma: float
) -> None:
    found = factors(Exponential(gamma), per_epoch, epochs)
    expected = of_torch(lambda o: torch.optim.lr_scheduler.ExponentialLR(o, gamma), epochs)
    np.testing.assert_allclose(found[::per_epoch], expected, rtol=1e-12)
    np.testing.assert_allclose(found[1:] / found[:-1], gamma ** (1 / per_epoch), rtol=1e-12)


@some
@given(per_epoch=sizes, epochs=sizes, final=st.floats(0, 1))
def test_cosine_is_torchs(per_epoch: int, epochs: int, final: float) -> None:
    steps = per_epoch * epochs
    build = torch.optim.lr_scheduler.CosineAnnealingLR
    expected = of_torch(lambda o: build(o, T_max=steps, eta_min=final), steps)
    found = factors(Cosine(final), per_epoch, epochs)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_cosine_ends_at_its_final_factor_and_stays() -> None:
    found = Cosine(final=0.2).factor(np.array([10.0, 11.0, 20.0]), Horizon(2, 5))
    np.testing.assert_allclose(found, 0.2, rtol=1e-15)


def test_cosine_takes_part_of_an_epoch() -> None:
    """Eq. 5 of SGDR, ½(1 + cos(π T_cur / T)), half way through 2.5 epochs of 4 steps."""
    found = Cosine().factor(np.array([5.0]), Horizon(steps_per_epoch=4, epochs=2.5))
    np.testing.assert_allclose(found, [0.5], rtol=1e-15)


@pytest.mark.parametrize("kind", harness_schedules().values())
def test_every_schedule_starts_at_1_and_keeps_shape_and_dtype(kind: Any) -> None:
    """Also where the warm-up leaves no step for it."""
    for epochs in (3, 0):
        found = kind().factor(np.zeros(4), Horizon(5, epochs))
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found, np.ones(4))


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        (Step, {"every": 0}, r"'every' of Step must be in the range \[1, inf\). Got 0"),
        (Step, {"gamma": 0.0}, r"'gamma' of Step must be in the range \(0, 1\]"),
        (Exponential, {"gamma": 1.1}, r"'gamma' of Exponential must be in the range \(0, 1\]"),
        (Cosine, {"final": -0.1}, r"'final' of Cosine must be in the range \[0, 1\]"),
        (Cosine, {"final": 1.1}, "'final' of Cosine"),
    ],
)
def test_settings_out_of_range_are_refused(kind: Any, settings: Any, message: str) -> None:
    with pytest.raises(harness.ConfigurationError, match=message):
        kind(**settings)


def test_the_hook_hands_out_every_schedule() -> None:
    assert harness_schedules() == {
        "constant": Constant,
        "step": Step,
        "exponential": Exponential,
        "cosine": Cosine,
    }
    for kind in harness_schedules().values():
        assert isinstance(kind(), harness.Schedule)
