"""Rows of a stack: who stays keeps what it has, whoever joins."""

from __future__ import annotations

import numpy as np

from harness.evaluation.stopping import EarlyStopping, Stopping
from harness.training.state import StackState


def rows_of(*members):
    """Rows of (rule, position): every array of a row holds its position."""
    rules = [rule for rule, _ in members]
    runs = np.array([position for _, position in members])
    theta = np.repeat(runs[:, None], 3, axis=1).astype(float)
    history = [[float(position)] * position for position in runs]
    stopping = EarlyStopping.start([Stopping(patience=int(p) + 1) for p in runs])
    state = [[{"m": theta[[r == rule for r in rules]].copy()}] for rule in dict.fromkeys(rules)]
    best_epoch, extra_gradients = runs * 100, runs * 1000
    return StackState(
        rules,
        runs,
        runs * 10,
        theta,
        theta + 0.5,
        best_epoch,
        extra_gradients,
        history,
        stopping,
        state,
    )


def check(rows, *members):
    expected = rows_of(*members)
    assert rows.rules == expected.rules
    for name in ("runs", "epochs", "theta", "best", "best_epoch", "extra_gradients"):
        np.testing.assert_array_equal(getattr(rows, name), getattr(expected, name), err_msg=name)
    assert rows.history == expected.history
    np.testing.assert_array_equal(rows.stopping.patience, expected.stopping.patience)
    assert len(rows.slots) == len(expected.slots)
    for mine, theirs in zip(rows.slots, expected.slots, strict=True):
        np.testing.assert_array_equal(mine[0]["m"], theirs[0]["m"])


def test_rows_that_stay_keep_their_values():
    rows = rows_of(("a", 1), ("a", 2), ("b", 3), ("c", 4), ("c", 5))
    check(rows.select(np.array([1, 3, 4]), np.asarray), ("a", 2), ("c", 4), ("c", 5))
    check(rows.select(np.array([2]), np.asarray), ("b", 3))


def test_rows_that_join_come_after_those_of_their_rule():
    rows = rows_of(("a", 1), ("c", 2))
    other = rows_of(("a", 3), ("b", 4), ("b", 5), ("c", 6))
    joined = rows.concat(other, np.asarray)
    check(joined, ("a", 1), ("a", 3), ("b", 4), ("b", 5), ("c", 2), ("c", 6))
    check(joined.select(np.array([1, 2]), np.asarray), ("a", 3), ("b", 4))
