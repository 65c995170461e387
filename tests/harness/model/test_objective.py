from __future__ import annotations

import numpy as np
import pytest

from harness.contracts import Forward
from harness.model.objective import Objective, Term


@pytest.fixture
def objective(registry):
    return Objective(
        name="squared_error",
        loss=registry.component("loss", "squared_error")(),
        auxiliary=(
            Term(
                "hidden_l1",
                registry.component("auxiliary_loss", "hidden_l1")(),
                np.array([2.0, 3.0]),
            ),
        ),
        weight_decay=np.array([0.5, 0.25]),
    )


def test_each_term_by_hand(objective):
    """ℒ = ℒ₁ + λ Σ|h| + β Σθ², worked out on paper for two runs, one sample and two hidden layers."""
    forward = Forward(
        output=np.array([[[3.0]], [[1.0]]]),
        hidden=(np.array([[[1.0, -2.0]], [[0.0, 1.0]]]), np.array([[[4.0]], [[-1.0]]])),
    )
    theta = np.array([[1.0, 2.0], [0.0, -2.0]])
    terms = objective.terms(forward, np.array([[1.0]]), theta)
    assert {name: values.tolist() for name, values in terms.items()} == {
        "squared_error": [4.0, 0.0],
        "hidden_l1": [2 * (3 + 4), 3 * (1 + 1)],
        "weight_decay": [0.5 * 5, 0.25 * 4],
    }
    np.testing.assert_array_equal(
        objective.decay_gradient(theta), [[2 * 0.5 * 1, 2 * 0.5 * 2], [0, 2 * 0.25 * -2]]
    )


def test_rows_keeps_the_factors_of_those_runs(objective):
    part = objective.rows(np.array([1]))
    assert part.weight_decay.tolist() == [0.25]
    assert part.auxiliary[0].factor.tolist() == [3.0]


def test_terms_that_are_off_are_not_there(registry):
    plain = Objective("squared_error", registry.component("loss", "squared_error")())
    theta = np.ones((1, 2))
    assert plain.decay_gradient(theta) is None
    assert plain.hidden_gradient(theta) is None
    assert list(plain.terms(Forward(np.ones((1, 1, 1))), np.ones((1, 1)), theta)) == [
        "squared_error"
    ]
