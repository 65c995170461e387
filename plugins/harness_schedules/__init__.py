"""Learning-rate schedules: constant, step, exponential and cosine."""

import harness
from harness_schedules.constant import Constant
from harness_schedules.cosine import Cosine
from harness_schedules.exponential import Exponential
from harness_schedules.step import Step

__all__ = ["Constant", "Cosine", "Exponential", "Step"]

harness_contract = 1


@harness.hookimpl
def harness_schedules() -> dict[str, type]:
    """The schedules by name."""
    return {"constant": Constant, "step": Step, "exponential": Exponential, "cosine": Cosine}
