"""Plans: how many traversals and buffers they have, and where they write."""

from __future__ import annotations

import numpy as np

from harness.inplace.nodes import Kind
from harness.inplace.plan import plan
from harness.inplace.tracing import trace
from harness_optimizers import Adam, Lars, Sgd


def plan_of(rule, shape=(10,)):
    return plan(trace(rule, shape), {})


def test_an_elementwise_rule_is_one_traversal_that_writes_over_theta():
    (traversal,) = plan_of(Sgd()).traversals
    assert [i.operation for i in traversal] == [np.multiply, np.subtract]
    assert (traversal.vectors[-1].out.store, traversal.vectors[-1].out.key) == ("leaf", "theta")


def test_values_whose_lives_do_not_overlap_share_a_buffer():
    adam = plan_of(Adam())
    assert len(adam.buffers) == 3
    assert len(adam.instructions) == 12


def test_a_norm_takes_a_traversal_of_its_own_before_the_division():
    first, second = plan_of(Lars(), (4, 3)).traversals
    assert {i.out.store for i in first.reductions} == {"value"}
    assert second.values
    assert not second.reductions


def test_rows_and_columns_are_told_apart_where_a_rule_asks_for_them():
    assert not plan_of(Lars(), (4, 3)).of_a_matrix
    assert all(traversal.over is Kind.VECTOR for traversal in plan_of(Adam()).traversals)
