from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.execution.planning import SHARED, plan, stack_size_for


def test_runs_of_one_seed_follow_one_another_and_of_one_rule_among_them(run_of):
    runs = [run_of(f"optimizer={name}", f"seed={s}") for name in ("sgd", "adam") for s in (1, 0)]
    assert plan(range(4), runs.__getitem__) == [[3, 1, 2, 0]]  # harness_optimizers.adam before .sgd


@pytest.mark.parametrize(
    "override",
    [
        "network.hidden=[32]",
        "network.activation=tanh",
        "training.batch_size=64",
        "training.steps_per_epoch=3",
        "dataset=iris",
        "split.seed=1",
        "backend.dtype=float64",
        "objective.weight_decay=0.1",
        "objective.auxiliary.z_loss=0.1",
        "training.halving.factor=2",
        "training.test=false",
        "training.stopping.metric=accuracy",
        "loss=softmax_cross_entropy",
    ],
)
def test_what_changes_shape_data_or_terms_needs_its_own_stack(run_of, override):
    same = override == "loss=softmax_cross_entropy"  # what `auto` stands for anyway
    assert len(plan([run_of(), run_of(override)], lambda run: run)) == (1 if same else 2)


@pytest.mark.parametrize(
    "override",
    [
        "seed=3",
        "optimizer=sgd",
        "optimizer.lr=0.5",
        "wrapper=clip_norm",
        "schedule=cosine",
        "initializer=zeros",
        "bias_initializer=constant",
        "training.max_epochs=7",
        "training.warmup_epochs=2",
        "training.stopping.patience=3",
        "training.stopping.restore=false",
        "tracking.experiment=other",
        "tracking.phase=final",
    ],
)
def test_everything_else_may_differ(run_of, override):
    assert len(plan([run_of(), run_of(override)], lambda run: run)) == 1


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=300), st.integers(1, 300), st.integers(1, 4)
)
def test_no_stack_is_larger_than_the_capacity_and_all_have_alike_shares(seeds, capacity, workers):
    size = stack_size_for(seeds, capacity, workers)
    assert 1 <= size <= capacity
    if len(set(seeds)) < workers:  # no stack for each seed: rounds of stacks of the same size
        rounds = -(-len(seeds) // (size * workers))
        assert (rounds - 1) * size * workers < len(seeds) <= rounds * size * workers


@pytest.mark.parametrize(
    ("runs_of_a_seed", "seeds", "expected"),
    [
        (45, 10, 45),  # a stack for each seed
        (SHARED - 1, 10, 75),  # too few of each: two stacks for all
        (200, 4, 100),  # too many: the stacks mix
        (45, 1, 23),  # one seed, but both cores are to work
    ],
)
def test_a_stack_for_each_seed_where_that_is_worth_it(runs_of_a_seed, seeds, expected):
    listed = [seed for seed in range(seeds) for _ in range(runs_of_a_seed)]
    assert stack_size_for(listed, capacity=128, workers=2) == expected
