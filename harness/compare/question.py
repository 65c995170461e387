"""The question that a comparison answers."""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.evaluation.metrics import Metric

__all__ = ["Question"]


@dataclass(frozen=True)
class Question:
    """The question that a comparison answers.

    Attributes:
        by: The factors, keys of the configuration.
        metric: What runs are judged by; `best/validation/NAME` and `test/NAME` are their scores.
        tasks: The keys that make a task.
        targets: The validation score to be reached, by task.
        requested: The targets as the user gave them; "" where they are what half of all scoring runs
            reach.
    """

    by: tuple[str, ...]
    metric: Metric
    tasks: tuple[str, ...] = ("dataset",)
    targets: dict[str, float] = field(default_factory=dict)
    requested: str = ""

    @property
    def maximize(self) -> bool:
        """Whether more of the metric is better."""
        return self.metric.maximize
