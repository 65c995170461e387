"""Adam and SGD, two kinds of decay, and when to stop."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from harness.data.preparing import Split, prepare
from harness_datasets.bundled import Digits

pytestmark = pytest.mark.slow


@pytest.mark.full
def test_tuned_sgd_with_momentum_generalises_at_least_as_well_as_adam(train_preset):
    runs = train_preset("tuned_sgd")
    rates, tuning, comparison = (0.003, 0.01, 0.03, 0.1), range(3), range(3, 10)

    def values(optimizer, rate, metric, sets):
        group = runs.where(optimizer=optimizer, optimizer__lr=rate)
        return np.array([group.where(dataset__seed=number)[0].metrics[metric] for number in sets])

    def best_rate(optimizer):
        losses = {r: values(optimizer, r, "best/validation/loss", tuning).mean() for r in rates}
        return min(losses, key=losses.__getitem__)

    chosen = {optimizer: best_rate(optimizer) for optimizer in ("heavy_ball", "adam")}
    sgd, adam = (values(o, r, "test/accuracy", comparison) for o, r in chosen.items())
    difference = sgd - adam
    error = stats.sem(difference) * stats.t.isf(0.025, len(difference) - 1)
    assert difference.mean() - error > 0, (chosen, difference)
    # Adam has fitted all training data, as SGD has: this is not the reason
    for optimizer, rate in chosen.items():
        assert values(optimizer, rate, "best/train/accuracy", comparison).min() == 1


@pytest.mark.full
def test_an_l2_term_is_not_weight_decay_under_adam(train_preset):
    runs = train_preset("decoupled_decay")
    train = prepare(Digits().load(), Digits().task, "softmax", Split()).train.features
    never_set = (
        np.ptp(train, axis=0) == 0
    )  # pixels whose weights have no gradient except that of decay
    assert never_set.sum() == 5

    def norm_shares(l2, decoupled):
        """Norm of the first layer over that without decay: of unset pixels, of the others."""
        shares = []
        for seed in (0, 1):
            run, free = (
                runs.where(objective__weight_decay=a, optimizer__weight_decay=b, seed=seed)[
                    0
                ].parameters["layer1.weight"]
                for a, b in ((l2, decoupled), (0.0, 0.0))
            )
            shares.append(
                [
                    np.linalg.norm(run[:, part]) / np.linalg.norm(free[:, part])
                    for part in (never_set, ~never_set)
                ]
            )
        return np.array(shares).T

    steps = 30 * 34  # 1,079 samples in batches of 32
    without_gradient, with_gradient = norm_shares(0.0, 1.0)
    assert without_gradient == pytest.approx((1 - 1e-3) ** steps, rel=1e-3)
    assert with_gradient.max() < 0.7
    for l2 in (1e-5, 1e-4):
        without_gradient, with_gradient = norm_shares(l2, 0.0)
        assert without_gradient.max() < 0.03
        assert with_gradient.min() > 0.9


def test_validation_loss_has_a_minimum_that_early_stopping_restores(train_preset):
    runs = train_preset("early_stopping")

    def those(patience, restore):
        return runs.where(
            training__stopping__patience=patience, training__stopping__restore=restore
        )

    full, stopped = those(None, False), those(10, True)
    for whole, early in zip(full, stopped, strict=True):
        assert whole.params["seed"] == early.params["seed"]
        validation, training = whole.curve("validation/loss"), whole.curve("train/loss")
        lowest = int(validation.argmin())
        assert lowest < 40
        assert validation[-1] > 1.1 * validation[lowest]
        assert training[-1] < 0.5 * training[lowest]
        assert early.status == "stopped_early"
        assert len(early.curve("train/loss")) <= 50
        seen = early.curve("validation/loss")
        assert early.metrics["best/validation/loss"] == seen.min()
        # The epochs are the same: stopping changes nothing before it
        assert np.array_equal(seen, validation[: len(seen)])
    gain = full.values("test/loss") - stopped.values("test/loss")
    assert gain.mean() > 0.1
