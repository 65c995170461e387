"""The order of the operations of a rule, and the stages that its norms need."""

from __future__ import annotations

import numpy as np

from harness.inplace.nodes import Kind, Node
from harness.inplace.stages import in_order, stages_of

THETA = Node(Kind.VECTOR, name="theta")
RATE = Node(Kind.COLUMN, name="lr")
NORM = Node(Kind.VALUE, np.add.reduce, (THETA,))
SCALED = Node(Kind.VECTOR, np.true_divide, (THETA, NORM))
NORM_OF_SCALED = Node(Kind.VALUE, np.add.reduce, (SCALED,))
STEP = Node(Kind.VECTOR, np.multiply, (RATE, NORM_OF_SCALED))
MEAN = Node(Kind.VECTOR, np.square, (THETA,))


def test_arguments_come_before_their_users_and_leaves_and_columns_are_left_out():
    assert in_order([STEP, SCALED]) == [NORM, SCALED, NORM_OF_SCALED, STEP]


def test_a_node_belongs_to_the_stage_after_the_sum_that_it_needs():
    stages = stages_of(in_order([STEP]), [STEP])
    assert stages == {NORM: 1, SCALED: 1, NORM_OF_SCALED: 2, STEP: 2}


def test_a_node_that_can_wait_is_in_the_last_stage():
    outputs = [STEP, MEAN]
    assert stages_of(in_order(outputs), outputs)[MEAN] == 2


def test_an_elementwise_rule_has_one_stage():
    assert set(stages_of(in_order([MEAN]), [MEAN]).values()) == {0}
