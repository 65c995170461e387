"""The suite itself: every rule has a text, and a faulty component that it is known to catch."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.registry.registry import KINDS
from harness.testing.suite import RULES, text_of

FAULTY = "\n".join(
    path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_faulty_*.py")
)


def test_there_are_rules_for_every_kind():
    assert set(RULES) == set(KINDS)
    for kind, rules in RULES.items():
        names = [rule.__name__ for rule in rules]
        assert len(set(names)) == len(names), kind


@pytest.mark.parametrize(
    "name", sorted({rule.__name__ for rules in RULES.values() for rule in rules})
)
def test_every_rule_says_what_it_asks_and_is_known_to_catch_something(name):
    (rule, *_) = [rule for rules in RULES.values() for rule in rules if rule.__name__ == name]
    assert re.fullmatch(r"[A-Z0-9`θ].*[.]", text_of(rule))
    assert f'"{name}"' in FAULTY
