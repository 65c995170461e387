"""How large steps may be, and of how many samples."""

from __future__ import annotations

import numpy as np
import pytest

from harness.data.preparing import Split, prepare
from harness_datasets.bundled import Diabetes

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def least_squares():
    """X with a column of ones, (N, 11), and the smallest mean squared error of a linear model."""
    data = Diabetes()
    train = prepare(data.load(), data.task, "identity", Split()).train
    x = np.column_stack([train.features, np.ones(len(train))])
    solution, *_ = np.linalg.lstsq(x, train.targets, rcond=None)
    return x, np.mean((x @ solution - train.targets) ** 2)


@pytest.mark.full
def test_momentum_allows_larger_steps(train_preset, least_squares):
    runs = train_preset("momentum_steps")
    x, smallest = least_squares
    curvature = np.linalg.eigvalsh(2 * x.T @ x / len(x)).max()
    for optimizer, limit in (("sgd", 2 / curvature), ("heavy_ball", 2 * 1.9 / curvature)):
        rates = []
        for run in runs.where(optimizer=optimizer):
            rates.append(float(run.params["optimizer.lr"]))
            loss = run.curve("train/loss")
            grows = loss[-1] > 10 * loss[len(loss) // 2]
            assert grows == (rates[-1] > limit), (optimizer, rates[-1])
        # A rate within 5 % on either side: the limit is where it should be
        assert min(limit / r for r in rates if r < limit) < 1.05
        assert min(r / limit for r in rates if r > limit) < 1.05

    def lacks(optimizer, rate):
        (run,) = runs.where(optimizer=optimizer, optimizer__lr=rate)
        return run.metrics["best/train/loss"] - smallest

    best = min(lacks("sgd", rate) for rate in (0.1, 0.24))
    assert lacks("heavy_ball", 0.26) < best / 5  # a rate at which descent diverges


@pytest.mark.full
def test_the_rate_grows_with_the_batch(train_preset):
    runs = train_preset("batch_scaling")

    def apart(reference, size):
        """The largest ratio of the loss to that with batches of 32, over the epochs after warm-up."""
        group = runs.where(training__reference_batch_size=reference)
        here, there = (
            group.where(training__batch_size=s).curves("train/loss")[:, 5:] for s in (size, 32)
        )
        return np.exp(np.abs(np.log(here / there))).max()

    for size in (8, 16, 64):
        assert apart(32, size) < 1.15
        assert apart(None, size) > 1.8
    assert apart(32, 128) < 1.4
    assert apart(None, 128) > 3


@pytest.mark.full
def test_what_a_pass_is_worth_with_batches_of_different_size(train_preset):
    runs = train_preset("batch_sizes")
    slow = runs.where(optimizer__lr=0.01)
    single, batch, full = (
        slow.where(training__batch_size=size).curves("train/loss")[:, -1]
        for size in (1, 32, "full")
    )
    assert single.max() < 0.5 * batch.min()
    assert batch.max() < 0.5 * full.min()
    for run in runs.where(training__batch_size="full"):
        assert np.all(np.diff(run.curve("train/loss")) < 0)
    fast = runs.where(optimizer__lr=0.1)
    for run in fast.where(training__batch_size=1):
        assert run.status == "diverged" or run.metrics["best/train/loss"] > single.max()
    assert fast.where(training__batch_size=32).values("test/accuracy").min() > 0.93


def test_a_rate_crawls_or_diverges(train_preset):
    runs = train_preset("rate_sensitivity")
    losses = {}
    for rate in (0.0001, 0.001, 0.01, 0.1):
        losses[rate] = runs.where(optimizer__lr=rate).values("best/train/loss")
    assert losses[0.0001].min() > 2
    assert losses[0.001].min() > 1
    assert losses[0.1].max() < 0.1
    for lower, higher in ((0.0001, 0.001), (0.001, 0.01), (0.01, 0.1)):
        assert np.all(losses[higher] < losses[lower])
    for rate in (10.0, 100.0):
        assert {run.status for run in runs.where(optimizer__lr=rate)} == {"diverged"}


@pytest.mark.full
def test_a_rate_that_starts_high_and_decreases(train_preset, least_squares):
    runs = train_preset("decreasing_rate")
    _, smallest = least_squares

    def lacks(schedule, rate):
        group = runs.where(schedule=schedule, optimizer__lr=rate)
        return np.mean(group.values("best/train/loss") - smallest)

    constant = min(lacks("constant", 0.003), lacks("constant", 0.03))
    for schedule in ("cosine", "exponential"):
        assert 0 < lacks(schedule, 0.03) < constant / 2
        assert lacks(schedule, 0.003) > constant / 2  # it does not help to start low
