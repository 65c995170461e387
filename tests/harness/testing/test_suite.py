"""Each requirement has a text, and a faulty component in the tests that breaks it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.registry.registry import KINDS
from harness.testing.suite import REQUIREMENTS, statement_of

TESTS_OF_REQUIREMENTS = "\n".join(
    path.read_text(encoding="utf-8")
    for path in (Path(__file__).parent / "requirements").glob("test_*.py")
)
BY_NAME = {
    requirement.__name__: requirement
    for requirements in REQUIREMENTS.values()
    for requirement in requirements
}


def test_there_are_requirements_for_every_kind():
    assert set(REQUIREMENTS) == set(KINDS)
    for kind, requirements in REQUIREMENTS.items():
        names = [requirement.__name__ for requirement in requirements]
        assert len(set(names)) == len(names), kind


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_every_requirement_is_stated_and_known_to_catch_something(name):
    assert re.fullmatch(r"[A-Z0-9`θ].*[.]", statement_of(BY_NAME[name]))
    assert f'"{name}"' in TESTS_OF_REQUIREMENTS
