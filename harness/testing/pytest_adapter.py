"""The suite as tests of pytest. No other module of harness imports pytest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any

from harness.testing.check_results import CheckStatus
from harness.testing.report import explanation
from harness.testing.selection import subjects_of_plugins
from harness.testing.subject import Subject
from harness.testing.suite import REQUIREMENTS, Requirement, check_requirement

__all__ = ["conformance", "requirement_tests"]


def conformance(
    *plugins: ModuleType, examples: Mapping[str, Any] | None = None
) -> Callable[..., None]:
    """A test of each requirement for each component that plugins provide.

        import my_package
        from harness.testing import conformance

        test_conformance = conformance(my_package)

    Each pair of a component and a requirement is a test of its own, as in
    `test_conformance[optimizer=my_lion-leaves_its_arguments_alone]`.

    Args:
        plugins: Modules that define the hooks; without any, everything that is installed.
        examples: Instances by the name of their component. They are checked instead of the one
            with all defaults: a small one, or one of a component with a field that has no default.

    Raises:
        PluginError: There is no component to check.
        ConfigurationError: An example is of a component that the plugins do not have.
    """
    from harness.registry.registry import load_registry

    subjects = subjects_of_plugins(load_registry(), plugins, examples or {})
    return requirement_tests(
        (subject, requirement) for subject in subjects for requirement in REQUIREMENTS[subject.kind]
    )


def requirement_tests(cases: Iterable[tuple[Subject, Requirement]]) -> Callable[..., None]:
    """A test of each component against the requirement that it is paired with."""
    import pytest

    parameters = [
        pytest.param(subject, requirement, id=f"{subject.label}-{requirement.__name__}")
        for subject, requirement in cases
    ]

    @pytest.mark.parametrize(("subject", "requirement"), parameters)
    def test(subject: Subject, requirement: Requirement) -> None:
        result = check_requirement(subject, requirement)
        if result.status is CheckStatus.SKIPPED:
            pytest.skip(result.note)
        if result.failed:
            pytest.fail(
                f"{subject.label} breaks the requirement {result.requirement}\n"
                f"{explanation(result)}",
                pytrace=False,
            )

    return test
