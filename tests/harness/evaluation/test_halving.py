"""Successive halving, held against its definition and seen in the loop."""

from __future__ import annotations

import numpy as np
import pytest

from harness.errors import ConfigurationError
from harness.evaluation.halving import Halving, Rungs
from harness.training.records import Status

NAN = float("nan")


def test_rungs_are_at_r_times_powers_of_eta():
    halving = Halving(factor=3, first=2)
    assert [epoch for epoch in range(1, 60) if halving.rung(epoch)] == [2, 6, 18, 54]
    assert not any(Halving().rung(epoch) for epoch in range(1, 60))


@pytest.mark.parametrize("wrong", [{"factor": 1}, {"factor": 0}, {"first": 0}])
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        Halving(**wrong)


def test_the_worst_of_those_that_arrive_together_are_dropped():
    settings = [Halving(factor=2)] * 6
    scores = np.array([3.0, 1.0, NAN, 2.0, 5.0, 4.0])
    dropped = Rungs().drop(settings, ["adam"] * 6, np.ones(6, dtype=int), scores)
    assert dropped.tolist() == [False, False, True, False, True, True]


def test_later_runs_are_held_against_those_that_came_before():
    rungs, halving, epochs = Rungs(), [Halving(factor=2)], np.ones(1, dtype=int)
    decisions = [
        bool(rungs.drop(halving, ["adam"], epochs, np.array([s]))[0]) for s in (3.0, 4.0, 2.0, 2.5)
    ]
    # Algorithm: among the best half of those so far, the first always being so
    expected, arrived = [], []
    for score in (3.0, 4.0, 2.0, 2.5):
        arrived.append(score)
        better = sum(other < score for other in arrived)
        expected.append(better >= -(-len(arrived) // 2))
    assert decisions == expected == [False, True, False, False]


def test_optimizers_and_ages_are_not_mixed():
    settings = [Halving(factor=2)] * 4
    epochs = np.array([1, 1, 2, 2])
    dropped = Rungs().drop(settings, ["sgd", "adam", "sgd", "adam"], epochs, np.arange(4.0))
    assert not dropped.any()  # each is the first at its rung
    rungs = Rungs()
    dropped = rungs.drop(settings, ["sgd", "sgd", "adam", "adam"], np.ones(4, int), np.arange(4.0))
    assert dropped.tolist() == [False, True, False, True]


def test_between_rungs_nothing_is_dropped():
    settings = [Halving(factor=2, first=4)] * 2
    for epoch in (1, 2, 3, 5, 6, 7):
        assert not Rungs().drop(settings, ["a", "a"], np.full(2, epoch), np.array([1.0, 2.0])).any()


def test_dropped_runs_leave_and_the_rest_compute_what_they_compute_alone(run_of, fit):
    common = ("dataset=iris", "training.max_epochs=8", "training.stopping.patience=null")
    rates = (0.1, 0.03, 0.01, 0.003, 0.001, 1e-4, 1e-5, 1e-6)
    halved = ("training.halving.factor=2", "training.halving.first=2")
    runs = [run_of(*common, *halved, f"optimizer.lr={lr}") for lr in rates]
    trained = fit(*runs)
    epochs = [trained.ended[row].epochs for row in range(8)]
    # 8 runs, 4 after epoch 2, 2 after epoch 4; at 8 the time is up
    assert sorted(epochs) == [2, 2, 2, 2, 4, 4, 8, 8]
    for row, run in enumerate(runs):
        ended = trained.ended[row]
        assert (ended.status is Status.DROPPED) == (ended.epochs < 8)
        assert ("test/loss" in ended.metrics) == (ended.epochs == 8)
        alone = fit(run_of(*common, f"optimizer.lr={rates[row]}"))
        losses = [epoch["validation/loss"] for epoch in trained.epochs[row]]
        assert losses == [e["validation/loss"] for e in alone.epochs[0]][: ended.epochs]
        assert run.config.optimizer.lr == rates[row]
    survivors = {row for row in range(8) if epochs[row] > 2}
    after = [trained.epochs[row][1]["validation/loss"] for row in range(8)]
    assert survivors == set(np.argsort(after)[:4].tolist())


def test_places_of_dropped_runs_are_refilled(run_of, fit):
    common = ("dataset=iris", "training.max_epochs=4", "training.halving.factor=2")
    runs = [
        run_of(*common, f"optimizer.lr={lr}", f"seed={s}") for lr in (0.1, 1e-6) for s in range(6)
    ]
    trained = fit(*runs, stack_size=4)
    assert len(trained.ended) == 12
    statuses = [ended.status for ended in trained.ended.values()]
    assert Status.DROPPED in statuses
    assert Status.FINISHED in statuses
