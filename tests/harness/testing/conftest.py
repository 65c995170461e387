"""Checks a faulty component against all requirements of its kind."""

from __future__ import annotations

import re

import pytest

from harness.registry.registry import Registry
from harness.testing.check_results import CheckResult, CheckStatus
from harness.testing.report import explanation
from harness.testing.subject import Subject
from harness.testing.suite import check_subject


@pytest.fixture(scope="session")
def first_party(registry) -> Registry:
    """The plugins of this repository, whatever else is installed here."""
    return Registry([plugin for plugin in registry.plugins if plugin.own])


@pytest.fixture(scope="session")
def without_torch(first_party) -> Registry:
    """The same without the backend that takes a second to import."""
    return Registry([plugin for plugin in first_party.plugins if plugin.module != "harness_torch"])


@pytest.fixture(scope="session")
def no_backend(first_party) -> Registry:
    """The same without any backend to compare with."""
    return Registry([p for p in first_party.plugins if "backend" not in p.components])


@pytest.fixture
def check_results(without_torch):
    """Checks a component; gives its results by requirement."""

    def check(kind, component, name="faulty", installed=without_torch) -> dict[str, CheckResult]:
        subject = Subject(kind, name, component, installed)
        return {result.requirement: result for result in check_subject(subject)}

    return check


@pytest.fixture
def assert_breaks(check_results):
    """Asserts that a component breaks one requirement and no other, with a message that says all."""

    def check(kind, component, requirement, found, **options) -> CheckResult:
        failed = [r for r in check_results(kind, component, **options).values() if r.failed]
        assert [result.requirement for result in failed] == [requirement], [
            (result.requirement, result.found) for result in failed
        ]
        (result,) = failed
        assert re.search(found, result.found), result.found
        assert result.remedy
        assert "requirement:" in explanation(result)
        assert "fix:" in explanation(result)
        return result

    return check


@pytest.fixture
def assert_sound(check_results):
    """Asserts that a component breaks no requirement: the faulty ones are made from it."""

    def check(kind, component, **options) -> None:
        results = check_results(kind, component, **options).values()
        assert not [(r.requirement, r.found, r.frames) for r in results if r.failed]
        assert any(result.status is CheckStatus.PASSED for result in results)

    return check
