"""All rules by kind of component, and how a component is held against one."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np

from harness.errors import BrokenPromise, MissingDependencyError
from harness.testing.rules import (
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
from harness.testing.verdicts import Outcome, Skip, Status, Violation

__all__ = ["RULES", "Rule", "check", "judge", "text_of"]

Rule = Callable[[Subject], Any]  # its docstring is the rule in words; returns a note, or None

_OF_KIND: dict[str, tuple[ModuleType, ...]] = {
    "backend": (backends, backend_training),
    "dataset": (datasets,),
    "optimizer": (optimizers, search_spaces, optimizer_training),
    "wrapper": (wrappers, search_spaces, optimizer_training),
    "schedule": (schedules,),
    "initializer": (initializers,),
    "loss": (losses,),
    "auxiliary_loss": (auxiliary_losses,),
}

RULES: dict[str, tuple[Rule, ...]] = {
    kind: tuple(rule for module in (fields, *modules) for rule in module.RULES)
    for kind, modules in _OF_KIND.items()
}


def check(subject: Subject) -> Iterator[Outcome]:
    """Holds a component against every rule of its kind."""
    for rule in RULES[subject.kind]:
        yield judge(subject, rule)


def judge(subject: Subject, rule: Rule) -> Outcome:
    """Holds a component against one rule; never raises what the component raises."""
    if rule.__name__ not in subject.outcomes:
        subject.outcomes[rule.__name__] = _judge(subject, rule)
    return subject.outcomes[rule.__name__]


def text_of(rule: Rule) -> str:
    """The rule in words: the first paragraph of its docstring, on one line."""
    return " ".join(inspect.getdoc(rule).split("\n\n")[0].split())  # type: ignore[union-attr]


def _judge(subject: Subject, rule: Rule) -> Outcome:
    name, text = rule.__name__, text_of(rule)
    for earlier in _before(rule, RULES[subject.kind]):
        outcome = judge(subject, earlier)
        if outcome.status is not Status.PASSED:
            root = outcome.waits_for or outcome
            why = f"until {root.rule} passes" if root.failed else f"as {root.rule} is"
            return Outcome(name, text, Status.SKIPPED, why, waits_for=root)
    try:
        with np.errstate(all="ignore"):  # numbers that overflow are looked at, not warned of
            note = rule(subject)
    except (Exception, SystemExit) as error:
        return _raised(subject, name, text, error)
    return Outcome(name, text, Status.PASSED, note or "")


def _raised(subject: Subject, name: str, text: str, error: BaseException) -> Outcome:
    """What it means that a rule ended with an error."""
    skipped = isinstance(error, Skip | MissingDependencyError)  # in words a person can act on
    refused = isinstance(
        error, BrokenPromise
    )  # by the loop; the rule that is broken may have said so
    if skipped or (refused and any(outcome.failed for outcome in subject.outcomes.values())):
        return Outcome(name, text, Status.SKIPPED, str(error))
    if isinstance(error, Violation):
        return Outcome(name, text, Status.FAILED, found=error.found, remedy=error.remedy)
    frames = own_frames(error, subject.component)
    place = "" if frames else f" (in {_raised_in(error)})"
    return Outcome(
        name,
        text,
        Status.FAILED,
        found=f"It raised {type(error).__name__}{place}: {error}",
        remedy="Mend the error at the place shown."
        if frames
        else "Compare what the component returns with its contract, in harness/contracts.py or "
        "harness/backends.py.",
        frames=frames,
    )


def _before(rule: Rule, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """Those of the rules of its kind without which this one says nothing."""
    if rule in fields.RULES:
        return getattr(rule, "after", ())
    return (*fields.FIRST, *(earlier for earlier in getattr(rule, "after", ()) if earlier in rules))


def _raised_in(error: BaseException) -> str:
    """The module that raised it."""
    (*_, (scope, _)) = traceback.walk_tb(error.__traceback__)
    return scope.f_globals.get("__name__", "unknown")


def own_frames(error: BaseException, component: type) -> str:
    """The traceback of an error, but only what lies in the component's own package."""
    package = component.__module__.split(".")[0]
    summary = [
        frame
        for frame, (scope, _) in zip(
            traceback.extract_tb(error.__traceback__),
            traceback.walk_tb(error.__traceback__),
            strict=True,
        )
        if scope.f_globals.get("__name__", "").split(".")[0] == package
        and not scope.f_globals.get("__name__", "").startswith("harness.")
    ]
    return "".join(traceback.format_list(summary)).rstrip()
