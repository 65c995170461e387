"""The state of a stack: a run that stays keeps its values, whoever leaves or joins."""

from __future__ import annotations

import numpy as np

from harness.evaluation.stopping import EarlyStopping, Stopping
from harness.training.state import StackState


def state_of(*members):
    """The state of runs, each a (rule, position): all their values are made from the position."""
    rules = [rule for rule, _ in members]
    runs = np.array([position for _, position in members])
    theta = np.repeat(runs[:, None], 3, axis=1).astype(float)
    history = [[float(position)] * position for position in runs]
    stopping = EarlyStopping.start([Stopping(patience=int(p) + 1) for p in runs])
    slots = [[{"m": theta[[r == rule for r in rules]].copy()}] for rule in dict.fromkeys(rules)]
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
        slots,
    )


def check(state, *members):
    expected = state_of(*members)
    assert state.rules == expected.rules
    for name in ("runs", "epochs", "theta", "best", "best_epoch", "extra_gradients"):
        np.testing.assert_array_equal(getattr(state, name), getattr(expected, name), err_msg=name)
    assert state.history == expected.history
    np.testing.assert_array_equal(state.stopping.patience, expected.stopping.patience)
    assert len(state.rule_state) == len(expected.rule_state)
    for slots, expected_slots in zip(state.rule_state, expected.rule_state, strict=True):
        np.testing.assert_array_equal(slots[0]["m"], expected_slots[0]["m"])


def test_runs_that_stay_keep_their_values():
    state = state_of(("a", 1), ("a", 2), ("b", 3), ("c", 4), ("c", 5))
    check(state.select(np.array([1, 3, 4]), np.asarray), ("a", 2), ("c", 4), ("c", 5))
    check(state.select(np.array([2]), np.asarray), ("b", 3))


def test_runs_that_join_come_after_those_of_their_rule():
    state = state_of(("a", 1), ("c", 2))
    other = state_of(("a", 3), ("b", 4), ("b", 5), ("c", 6))
    joined = state.concat(other, np.asarray)
    check(joined, ("a", 1), ("a", 3), ("b", 4), ("b", 5), ("c", 2), ("c", 6))
    check(joined.select(np.array([1, 2]), np.asarray), ("a", 3), ("b", 4))
