"""The requirements of each kind of component, and the check of a component against them."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np

from harness.errors import BrokenPromise, MissingDependencyError
from harness.testing.check_results import CheckResult, CheckStatus, Skip, Violation
from harness.testing.requirements import (
    auxiliary_losses,
    backend_training,
    backends,
    datasets,
    fields,
    initializers,
    losses,
    optimizer_training,
    optimizers,
    schedules,
    search_spaces,
    wrappers,
)
from harness.testing.subject import Subject

__all__ = ["REQUIREMENTS", "Requirement", "check_requirement", "check_subject", "statement_of"]

Requirement = Callable[[Subject], Any]  # its docstring states it; it returns a note or None

_MODULES: dict[str, tuple[ModuleType, ...]] = {
    "backend": (backends, backend_training),
    "dataset": (datasets,),
    "optimizer": (optimizers, search_spaces, optimizer_training),
    "wrapper": (wrappers, search_spaces, optimizer_training),
    "schedule": (schedules,),
    "initializer": (initializers,),
    "loss": (losses,),
    "auxiliary_loss": (auxiliary_losses,),
}

REQUIREMENTS: dict[str, tuple[Requirement, ...]] = {
    kind: tuple(requirement for module in (fields, *modules) for requirement in module.REQUIREMENTS)
    for kind, modules in _MODULES.items()
}


def check_subject(subject: Subject) -> Iterator[CheckResult]:
    """Checks a component against every requirement of its kind."""
    for requirement in REQUIREMENTS[subject.kind]:
        yield check_requirement(subject, requirement)


def check_requirement(subject: Subject, requirement: Requirement) -> CheckResult:
    """Checks a component against one requirement, once; what the component raises is a result, too."""
    name = requirement.__name__
    if name not in subject.results:
        subject.results[name] = _check(subject, requirement)
    return subject.results[name]


def statement_of(requirement: Requirement) -> str:
    """The requirement in words: the first paragraph of its docstring, on one line."""
    return " ".join(inspect.getdoc(requirement).split("\n\n")[0].split())  # type: ignore[union-attr]  # each has a docstring


def _check(subject: Subject, requirement: Requirement) -> CheckResult:
    name, statement = requirement.__name__, statement_of(requirement)
    for earlier in _dependencies(requirement, REQUIREMENTS[subject.kind]):
        result = check_requirement(subject, earlier)
        if result.status is not CheckStatus.PASSED:
            cause = result.waits_for or result
            why = (
                f"until {cause.requirement} passes"
                if cause.failed
                else f"as {cause.requirement} is"
            )
            return CheckResult(name, statement, CheckStatus.SKIPPED, why, waits_for=cause)
    try:
        with np.errstate(all="ignore"):  # requirements look at overflowing numbers themselves
            note = requirement(subject)
    except (Exception, SystemExit) as error:
        return _result_of_error(subject, name, statement, error)
    return CheckResult(name, statement, CheckStatus.PASSED, note or "")


def _result_of_error(
    subject: Subject, name: str, statement: str, error: BaseException
) -> CheckResult:
    """What the check shows if a requirement ended with this error."""
    skipped = isinstance(error, Skip | MissingDependencyError)  # the message says what to do
    # The loop has its own check of contracts; a requirement may have reported the same mistake
    refused = isinstance(error, BrokenPromise)
    if skipped or (refused and any(result.failed for result in subject.results.values())):
        return CheckResult(name, statement, CheckStatus.SKIPPED, str(error))
    if isinstance(error, Violation):
        return CheckResult(
            name, statement, CheckStatus.FAILED, found=error.found, remedy=error.remedy
        )
    frames = _component_frames(error, subject.component)
    place = "" if frames else f" (in {_raising_module(error)})"
    return CheckResult(
        name,
        statement,
        CheckStatus.FAILED,
        found=f"It raised {type(error).__name__}{place}: {error}",
        remedy="Fix the error in the lines shown."
        if frames
        else "Compare what the component returns with its contract, in harness/contracts.py or "
        "harness/backends.py.",
        frames=frames,
    )


def _dependencies(
    requirement: Requirement, of_kind: tuple[Requirement, ...]
) -> tuple[Requirement, ...]:
    """Those requirements of the kind that must pass before this one is checked."""
    marked = getattr(requirement, "depends_on", ())
    if requirement in fields.REQUIREMENTS:
        return marked
    return (*fields.PREREQUISITES, *(earlier for earlier in marked if earlier in of_kind))


def _raising_module(error: BaseException) -> str:
    (*_, (frame, _)) = traceback.walk_tb(error.__traceback__)
    return frame.f_globals.get("__name__", "unknown")


def _component_frames(error: BaseException, component: type) -> str:
    """The part of a traceback that lies in the component's own package."""
    package = component.__module__.split(".")[0]
    summaries = [
        summary
        for summary, (frame, _) in zip(
            traceback.extract_tb(error.__traceback__),
            traceback.walk_tb(error.__traceback__),
            strict=True,
        )
        if frame.f_globals.get("__name__", "").split(".")[0] == package
        and not frame.f_globals.get("__name__", "").startswith("harness.")
    ]
    return "".join(traceback.format_list(summaries)).rstrip()
