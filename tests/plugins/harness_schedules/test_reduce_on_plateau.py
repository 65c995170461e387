"""The one schedule that watches the metric, in the core's own loop."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from harness.errors import BrokenPromise
from harness.training.stack import Stack

torch = pytest.importorskip("torch")

PLATEAU = ("schedule=reduce_on_plateau", "schedule.patience=0", "schedule.gamma=0.5")
COMMON = ("dataset=iris", "training.max_epochs=12", "training.stopping.patience=null")
MIXED = [
    (*PLATEAU, "optimizer=sgd", "optimizer.lr=0.5", "seed=1", "schedule.min_change=0.1"),
    (*PLATEAU, "optimizer=adam", "optimizer.lr=0.05", "seed=2", "training.warmup_epochs=2.5"),
    ("optimizer=adam", "optimizer.lr=0.01", "seed=2", "schedule=cosine"),
    (*PLATEAU, "optimizer=heavy_ball", "optimizer.lr=0.3", "seed=3", "schedule.cooldown=1"),
    (
        *PLATEAU,
        "optimizer=sgd",
        "optimizer.lr=0.2",
        "seed=1",
        "training.max_epochs=5",
        "schedule.min_change=0.5",
    ),
    ("optimizer=sgd", "optimizer.lr=0.5", "seed=4"),
]


@pytest.mark.parametrize("stack_size", [None, 2], ids=["all-at-once", "refilled"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_each_run_of_a_stack_has_a_history_of_its_own(
    run_of: Any, fit: Any, dtype: str, stack_size: int | None
) -> None:
    """Bit for bit what it computes alone, rates included, whatever leaves and joins the stack."""
    runs = [run_of(*COMMON, f"backend.dtype={dtype}", *overrides) for overrides in MIXED]
    together = fit(*runs, stack_size=stack_size)
    drops = 0
    for position, run in enumerate(runs):
        alone = fit(run)
        np.testing.assert_array_equal(alone.ended[0].theta, together.ended[position].theta)
        rates = [epoch["train/lr"] for epoch in alone.epochs[0]]
        assert rates == [epoch["train/lr"] for epoch in together.epochs[position]]
        if "schedule=reduce_on_plateau" in MIXED[position]:
            drops += rates[-1] < max(rates)
    assert drops == 4  # or nothing has been tested


@pytest.mark.parametrize("metric", ["loss", "accuracy"])
def test_the_rates_are_those_of_torch_on_the_same_metric(
    run_of: Any, fit: Any, metric: str
) -> None:
    run = run_of(*COMMON, *MIXED[0], f"training.stopping.metric={metric}")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer,
        mode="min" if metric == "loss" else "max",
        factor=0.5,
        patience=0,
        threshold=0.1,
        eps=0,
    )
    for epoch in fit(run).epochs[0]:
        assert epoch["train/lr"] == optimizer.param_groups[0]["lr"]
        scheduler.step(epoch[f"validation/{metric}"])
    assert optimizer.param_groups[0]["lr"] < 0.1


def test_epochs_of_the_warmup_are_left_out(run_of: Any) -> None:
    """With 1.5 epochs of it, the third epoch is the first without any."""
    run = run_of(*COMMON, *PLATEAU, "optimizer.lr=1", "training.warmup_epochs=1.5")
    rates = [
        Stack((run,)).rates(np.array([len(values) + 1]), 2, 32, [values])[:, 0].tolist()
        for values in ([], [9.0], [9.0, 9.0], [9.0, 9.0, 9.0], [9.0] * 4)
    ]
    assert rates == [[1 / 3, 2 / 3], [1, 1], [1, 1], [1, 1], [0.5, 0.5]]


def test_a_factor_that_is_no_number_is_the_fault_of_its_schedule(run_of: Any, fit: Any) -> None:
    @dataclass(frozen=True)
    class Faulty:
        """Divides by an epoch that is not there."""

        def factor(self, step: np.ndarray, horizon: Any) -> np.ndarray:
            return np.ones_like(step)

        def factor_after(self, values: np.ndarray) -> float:
            return float(np.float64(1) / len(values))

    run = run_of(*COMMON)
    run = dataclasses.replace(run, config=dataclasses.replace(run.config, schedule=Faulty()))
    with pytest.raises(BrokenPromise, match=r"Faulty: factor_after must .* Got inf after 0 epochs"):
        fit(run)
