"""What a comparison is asked."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Question"]


@dataclass(frozen=True)
class Question:
    """What is asked.

    by: the factors, keys of the configuration. metric: "accuracy", "loss", …: `best/validation/…` and
    `test/…` of it are the scores. maximize: whether more is better. tasks: the keys that make a task.
    targets: the validation score to be reached, by task. asked: the targets as a person gave them, or
    "" where they are what half of all counting runs reach.
    """

    by: tuple[str, ...]
    metric: str
    maximize: bool
    tasks: tuple[str, ...] = ("dataset",)
    targets: dict[str, float] = field(default_factory=dict)
    asked: str = ""
