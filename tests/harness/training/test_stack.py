from __future__ import annotations

import numpy as np

from harness.training.stack import Stack


def test_floats_that_differ_become_columns_and_others_stay(run_of):
    runs = [run_of(f"optimizer.lr={lr}") for lr in (0.1, 0.2)]
    (block,) = Stack(tuple(runs)).blocks
    assert block.rule.lr.tolist() == [[0.1], [0.2]]
    assert block.rule.beta1 == 0.9
    assert block.rows == slice(0, 2)


def test_rates_warm_up_scale_with_the_batch_and_then_follow_the_schedule(run_of):
    run = run_of(
        "schedule=exponential",
        "schedule.gamma=0.5",
        "optimizer.lr=0.1",
        "training.batch_size=64",
        "training.reference_batch_size=32",  # the course: 32 → 64, 0.1 → 0.2
        "training.warmup_epochs=1",
    )
    stack = Stack((run,))
    np.testing.assert_allclose(stack.rates(np.array([1]), 4, 64)[:, 0], [0.05, 0.1, 0.15, 0.2])
    np.testing.assert_allclose(stack.rates(np.array([2]), 4, 64)[0, 0], 0.2)
    np.testing.assert_allclose(stack.rates(np.array([3]), 4, 64)[0, 0], 0.1)
    both = Stack((run, run)).rates(np.array([1, 3]), 4, 64)  # each in an epoch of its own
    np.testing.assert_allclose(both[0], [0.05, 0.1])


def test_order_is_shared_only_where_seeds_and_epochs_agree(run_of):
    one, two = run_of("seed=1"), run_of("seed=2")
    first, second = np.array([1, 1]), np.array([1, 2])
    assert Stack((one, one)).order(first, 10).shape == (10,)
    for stack, epochs in ((Stack((one, two)), first), (Stack((one, one)), second)):
        orders = stack.order(epochs, 10)
        assert orders.shape == (2, 10)
        for row, run in enumerate(stack.runs):
            alone = Stack((run,)).order(epochs[[row]], 10)
            np.testing.assert_array_equal(orders[row], alone)
