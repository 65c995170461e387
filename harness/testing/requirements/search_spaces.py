"""Requirements for the search spaces of optimizers and wrappers."""

from __future__ import annotations

import dataclasses
import itertools

from harness.errors import ConfigurationError, PluginError
from harness.search_space import space_of
from harness.testing.check_results import Skip, Violation
from harness.testing.subject import Subject

__all__ = ["REQUIREMENTS"]


def accepts_the_ends_of_its_search_space(subject: Subject) -> None:
    """The component accepts all combinations of the ends of the ranges of its search space."""
    try:
        space = space_of(subject.component)
    except PluginError as error:
        raise Violation(f"{error}", "Map names of fields to harness.Range in it.") from error
    if not space:
        raise Skip("it has no search space")
    ends = [(range_.low, range_.high) for range_ in space.values()]
    for corner in itertools.islice(itertools.product(*ends), 256):
        values = dict(zip(space, corner, strict=True))
        try:
            dataclasses.replace(subject.example, **values)
        except ConfigurationError as error:
            setting = ", ".join(f"{name}={value}" for name, value in values.items())
            raise Violation(
                f"{setting} was refused: {error}",
                "Make the range narrower, or let __post_init__ allow its ends.",
            ) from error


REQUIREMENTS = (accepts_the_ends_of_its_search_space,)
