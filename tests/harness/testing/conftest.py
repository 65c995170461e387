"""Holds a faulty component against all rules of its kind."""

from __future__ import annotations

import re

import pytest

from harness.registry.registry import Registry
from harness.testing.report import explained
from harness.testing.subject import Subject
from harness.testing.suite import check
from harness.testing.verdicts import Outcome, Status


@pytest.fixture(scope="session")
def first_party(registry) -> Registry:
    """What this repository brings along, whatever else is installed here."""
    return Registry([plugin for plugin in registry.plugins if plugin.distribution == "harness"])


@pytest.fixture(scope="session")
def without_torch(first_party) -> Registry:
    """All of it but the backend that takes a second to import."""
    return Registry([plugin for plugin in first_party.plugins if plugin.module != "harness_torch"])


@pytest.fixture
def outcomes(without_torch):
    """What comes of every rule for a component."""

    def check_all(kind, component, name="faulty", installed=without_torch) -> dict[str, Outcome]:
        subject = Subject(kind, name, component, installed)
        return {outcome.rule: outcome for outcome in check(subject)}

    return check_all


@pytest.fixture
def breaks(outcomes):
    """Asserts that a component breaks one rule and no other, and that its message says all."""

    def check_one(kind, component, rule, found, **options) -> Outcome:
        failed = [o for o in outcomes(kind, component, **options).values() if o.failed]
        assert [outcome.rule for outcome in failed] == [rule], [
            (outcome.rule, outcome.found) for outcome in failed
        ]
        (outcome,) = failed
        assert re.search(found, outcome.found), outcome.found
        assert outcome.remedy
        assert "rule:" in explained(outcome)
        assert "mend it:" in explained(outcome)
        return outcome

    return check_one


@pytest.fixture
def sound(outcomes):
    """Asserts that a component breaks no rule: what the faulty ones are made from."""

    def check_none(kind, component, **options) -> None:
        found = outcomes(kind, component, **options).values()
        assert not [(o.rule, o.found, o.frames) for o in found if o.failed]
        assert any(outcome.status is Status.PASSED for outcome in found)

    return check_none


@pytest.fixture(scope="session")
def alone(first_party) -> Registry:
    """No backend is installed but the one that is checked."""
    return Registry([p for p in first_party.plugins if "backend" not in p.components])
