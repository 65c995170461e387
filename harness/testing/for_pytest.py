"""The suite as tests of pytest, which is imported nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any

from harness.testing.report import explained
from harness.testing.selection import of_plugins
from harness.testing.subject import Subject
from harness.testing.suite import RULES, Rule, judge
from harness.testing.verdicts import Status

__all__ = ["conformance", "judged"]


def conformance(
    *plugins: ModuleType, examples: Mapping[str, Any] | None = None
) -> Callable[..., None]:
    """A test of every rule for every component that plugins hand out.

        import my_package
        from harness.testing import conformance

        test_rules = conformance(my_package)

    plugins: the modules that define the hooks; without any, all that is installed. examples: an
    instance by the name of the component, to be checked in place of the one with all defaults: a small
    one, or one for a component with a field that has no default. Each (component, rule) is a test of
    its own, as in `test_rules[optimizer=my_lion-leaves_its_arguments_alone]`. Raises PluginError where
    there is nothing to check.
    """
    from harness.registry.registry import load_registry

    subjects = of_plugins(load_registry(), plugins, examples or {})
    return judged((subject, rule) for subject in subjects for rule in RULES[subject.kind])


def judged(cases: Iterable[tuple[Subject, Rule]]) -> Callable[..., None]:
    """A test of each of these components against one of its rules."""
    import pytest

    parameters = [
        pytest.param(subject, rule, id=f"{subject.label}-{rule.__name__}")
        for subject, rule in cases
    ]

    @pytest.mark.parametrize(("subject", "rule"), parameters)
    def test(subject: Subject, rule: Rule) -> None:
        outcome = judge(subject, rule)
        if outcome.status is Status.SKIPPED:
            pytest.skip(outcome.note)
        if outcome.failed:
            pytest.fail(
                f"{subject.label} breaks the rule {outcome.rule}\n{explained(outcome)}",
                pytrace=False,
            )

    return test
