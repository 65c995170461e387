"""What is asked of an auxiliary loss, beside what `loss_terms.py` asks of every loss."""

from __future__ import annotations

import dataclasses
from typing import Any

from harness.testing.check_results import Violation
from harness.testing.requirements import loss_terms
from harness.testing.subject import Subject

__all__ = ["REQUIREMENTS"]

HEADS = {"softmax", "sigmoid", "identity"}


def says_what_it_reads(subject: Subject) -> None:
    """`reads` is "output" or "hidden", and `output_activations` names heads that there are."""
    loss: Any = subject.example
    heads = set(loss.output_activations)
    if loss.reads not in ("output", "hidden") or not heads or not heads <= HEADS:
        raise Violation(
            f"reads is {loss.reads!r}, output_activations is {sorted(map(str, heads))}.",
            f"Take 'output' or 'hidden', and some of {', '.join(sorted(HEADS))}.",
        )


def has_no_fields(subject: Subject) -> None:
    """Its factor λ is all of its configuration: it has no fields of its own."""
    names = [field.name for field in dataclasses.fields(subject.component)]
    if names:
        raise Violation(
            f"It has {len(names)}: {', '.join(names)}.",
            "Make them constants of the class, or register a class for each choice.",
        )


REQUIREMENTS = (has_no_fields, says_what_it_reads, *loss_terms.REQUIREMENTS)
