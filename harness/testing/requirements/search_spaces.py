"""What is asked of the search space of an optimizer."""

from __future__ import annotations

import dataclasses
import itertools

from harness.errors import ConfigurationError, PluginError
from harness.search_space import space_of
from harness.testing.check_results import Skip, Violation
from harness.testing.subject import Subject

__all__ = ["REQUIREMENTS"]


def states_a_search_space_that_it_accepts(subject: Subject) -> None:
    """Both ends of every range of its search space, and all combinations of ends, are accepted."""
    try:
        space = space_of(subject.component)
    except PluginError as error:
        raise Violation(f"{error}", "Name fields only, each with a harness.Range.") from error
    if not space:
        raise Skip("it states no search space")
    ends = [(range_.low, range_.high) for range_ in space.values()]
    for corner in itertools.islice(itertools.product(*ends), 256):
        values = dict(zip(space, corner, strict=True))
        try:
            dataclasses.replace(subject.example, **values)
        except ConfigurationError as error:
            shown = ", ".join(f"{name}={value}" for name, value in values.items())
            raise Violation(
                f"{shown} was refused: {error}",
                "Narrow the range, or mend what __post_init__ allows.",
            ) from error


REQUIREMENTS = (states_a_search_space_that_it_accepts,)
