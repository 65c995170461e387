"""The instances that requirements try: the example, variants of it, and distinct ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from harness import Range, check_range
from harness.registry.registry import Registry
from harness.testing.check_results import Skip
from harness.testing.subject import Subject, stack_instances


@dataclass(frozen=True)
class Rule:
    """Two floats, an int and a bool."""

    lr: float = 0.1
    decay: float = 0.8
    steps: int = 5
    nesterov: bool = False

    search_space: ClassVar[Mapping[str, Range]] = {"lr": Range(1e-4, 1)}

    def __post_init__(self):
        check_range(self, "decay", 0.3, 1)


@dataclass(frozen=True)
class Download:
    """May download, and has a field without a default."""

    path: str
    download: bool = True


def subject(component, example=None):
    return Subject("optimizer", "my_rule", component, Registry([]), example)


def test_the_example_has_the_defaults_of_the_component():
    assert subject(Rule).example == Rule()
    assert subject(Rule, Rule(lr=0.5)).example == Rule(lr=0.5)


def test_nothing_is_downloaded():
    @dataclass(frozen=True)
    class Remote:
        download: bool = True

    assert subject(Remote).example == Remote(download=False)


def test_a_field_without_a_default_asks_for_an_example():
    with pytest.raises(Skip, match=r"path must be given: .* examples=\{'my_rule': …\}"):
        _ = subject(Download).example
    assert subject(Download, Download("here")).example == Download("here")


def test_variants_differ_in_one_field_and_skip_values_that_are_refused():
    first, *rest = subject(Rule).variants()
    assert first == Rule()
    # ½ and ¼ of lr; ½ and ¾ of decay, since ¼ is refused; the other bool; no other int
    assert rest == [
        Rule(lr=0.05),
        Rule(lr=0.025),
        Rule(decay=0.4),
        Rule(decay=0.75 * 0.8),
        Rule(nesterov=True),
    ]


def test_distinct_instances_differ_in_every_float_field():
    instances = subject(Rule).distinct_instances(3)
    assert len({instance.lr for instance in instances}) == 3
    assert len({instance.decay for instance in instances}) == 3


def test_other_values_come_from_the_search_space_unless_it_is_the_rate():
    @dataclass(frozen=True)
    class Searched:
        lr: float = 0.1
        decay: float = 0.9

        search_space: ClassVar[Mapping[str, Range]] = {
            "lr": Range(0, 1),
            "decay": Range(0, 1),
        }

    searched = subject(Searched)
    assert searched.other_values("decay") == pytest.approx([0.2, 0.8, 0.5])
    assert searched.other_values("lr") == pytest.approx([0.05, 0.025, 0.075])


def test_stacked_instances_have_columns_in_their_float_fields():
    stacked = stack_instances([Rule(lr=0.1), Rule(lr=0.2)])
    np.testing.assert_array_equal(stacked.lr, [[0.1], [0.2]])
    np.testing.assert_array_equal(stacked.decay, [[0.8], [0.8]])
    assert (stacked.steps, stacked.nesterov) == (5, False)
