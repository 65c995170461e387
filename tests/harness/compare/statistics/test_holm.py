"""Adjusted p-values, held against R and the stepwise procedure."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.compare.statistics.holm import holm


def test_holm_as_in_r():
    """R: p.adjust(c(0.01, 0.02, 0.03, 0.04, 0.05), "holm"); and one out of order, with a tie."""
    np.testing.assert_allclose(holm([0.01, 0.02, 0.03, 0.04, 0.05]), [0.05, 0.08, 0.09, 0.09, 0.09])
    np.testing.assert_allclose(holm([0.5, 0.001, 0.3, 0.001]), [0.6, 0.004, 0.6, 0.004])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=10))
def test_holm_rejects_what_the_stepwise_procedure_rejects(p):
    adjusted = holm(p)
    assert np.all(adjusted >= p)
    assert np.all(np.diff(adjusted[np.argsort(p, kind="stable")]) >= 0)
    for alpha in (0.01, 0.05, 0.2):
        rejected = 0
        for i, value in enumerate(sorted(p)):
            if value * (len(p) - i) > alpha:
                break
            rejected += 1
        assert (adjusted <= alpha).sum() == rejected


def test_holm_leaves_out_what_was_not_tested():
    np.testing.assert_array_equal(holm([np.nan, 0.02, np.nan]), [np.nan, 0.02, np.nan])
    assert len(holm([])) == 0
