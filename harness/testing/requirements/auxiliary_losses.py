"""Requirements for auxiliary losses; `loss_terms.py` has those of all losses."""

from __future__ import annotations

import dataclasses
from typing import Any

from harness.testing.check_results import Violation
from harness.testing.requirements import loss_terms
from harness.testing.subject import Subject

__all__ = ["REQUIREMENTS"]

OUTPUT_ACTIVATIONS = {"softmax", "sigmoid", "identity"}


def states_what_it_reads(subject: Subject) -> None:
    """`reads` is "output" or "hidden", and `output_activations` has one or more that exist."""
    loss: Any = subject.example
    activations = set(loss.output_activations)
    if (
        loss.reads not in ("output", "hidden")
        or not activations
        or not activations <= OUTPUT_ACTIVATIONS
    ):
        raise Violation(
            f"reads is {loss.reads!r}, output_activations is {sorted(map(str, activations))}.",
            f"Set reads to 'output' or 'hidden', and output_activations to some of "
            f"{', '.join(sorted(OUTPUT_ACTIVATIONS))}.",
        )


def has_no_fields(subject: Subject) -> None:
    """It has no fields: its factor λ in the objective is its whole configuration."""
    names = [field.name for field in dataclasses.fields(subject.component)]
    if names:
        raise Violation(
            f"Its fields are {', '.join(names)}.",
            "Make them constants of the class, or register a class for each choice.",
        )


REQUIREMENTS = (has_no_fields, states_what_it_reads, *loss_terms.REQUIREMENTS)
