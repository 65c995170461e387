from __future__ import annotations

import numpy as np
import pytest

from harness.stack import Stack, plan_stacks


def test_runs_of_one_shape_share_a_stack_sorted_by_rule(run_of):
    runs = [run_of(f"optimizer={name}", f"seed={s}") for s in (0, 1) for name in ("sgd", "adam")]
    assert plan_stacks(runs) == [[1, 3, 0, 2]]  # harness_optimizers.adam before .sgd


@pytest.mark.parametrize(
    "override",
    [
        "network.hidden=[32]",
        "network.activation=tanh",
        "training.batch_size=64",
        "dataset=iris",
        "split.seed=1",
        "backend.dtype=float64",
        "objective.weight_decay=0.1",
        "objective.auxiliary.z_loss=0.1",
        "training.clip_norm=1",
        "training.stopping.metric=accuracy",
        "loss=softmax_cross_entropy",
    ],
)
def test_what_changes_shape_data_or_terms_needs_its_own_stack(run_of, override):
    same = override == "loss=softmax_cross_entropy"  # what `auto` stands for anyway
    assert len(plan_stacks([run_of(), run_of(override)])) == (1 if same else 2)


@pytest.mark.parametrize(
    "override",
    [
        "seed=3",
        "optimizer=sgd",
        "optimizer.lr=0.5",
        "schedule=cosine",
        "initializer=zeros",
        "bias_initializer=constant",
        "training.max_epochs=7",
        "training.warmup_epochs=2",
        "training.stopping.patience=3",
        "training.stopping.restore=false",
        "tracking.experiment=other",
    ],
)
def test_everything_else_may_differ(run_of, override):
    assert len(plan_stacks([run_of(), run_of(override)])) == 1


def test_a_stack_has_a_limit(run_of):
    runs = [run_of(f"seed={s}") for s in range(5)]
    assert plan_stacks(runs, limit=2) == [[0, 1], [2, 3], [4]]


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
    np.testing.assert_allclose(stack.rates(1, 4, 64)[:, 0], [0.05, 0.1, 0.15, 0.2])
    np.testing.assert_allclose(stack.rates(2, 4, 64)[0, 0], 0.2)
    np.testing.assert_allclose(stack.rates(3, 4, 64)[0, 0], 0.1)


def test_order_is_shared_only_where_the_seeds_agree(run_of):
    one, two = run_of("seed=1"), run_of("seed=2")
    assert Stack((one, one)).order(1, 10).shape == (10,)
    orders = Stack((one, two)).order(1, 10)
    assert orders.shape == (2, 10)
    np.testing.assert_array_equal(orders[0], Stack((one,)).order(1, 10))
