"""Learning-rate schedules: decays, cycles, one that watches the metric, and the range test."""

import harness
from harness_schedules.constant import Constant
from harness_schedules.cosine import Cosine
from harness_schedules.cosine_restarts import CosineRestarts
from harness_schedules.exponential import Exponential
from harness_schedules.inverse_sqrt import InverseSqrt
from harness_schedules.multi_step import MultiStep
from harness_schedules.one_cycle import OneCycle
from harness_schedules.polynomial import Polynomial
from harness_schedules.range_test import RangeTest
from harness_schedules.reduce_on_plateau import ReduceOnPlateau
from harness_schedules.step import Step
from harness_schedules.warmup_stable_decay import WarmupStableDecay

__all__ = [
    "Constant",
    "Cosine",
    "CosineRestarts",
    "Exponential",
    "InverseSqrt",
    "MultiStep",
    "OneCycle",
    "Polynomial",
    "RangeTest",
    "ReduceOnPlateau",
    "Step",
    "WarmupStableDecay",
]

harness_contract = 1


@harness.hookimpl
def harness_schedules() -> dict[str, type]:
    """The schedules by name."""
    return {
        "constant": Constant,
        "step": Step,
        "multi_step": MultiStep,
        "exponential": Exponential,
        "polynomial": Polynomial,
        "inverse_sqrt": InverseSqrt,
        "cosine": Cosine,
        "cosine_restarts": CosineRestarts,
        "one_cycle": OneCycle,
        "warmup_stable_decay": WarmupStableDecay,
        "reduce_on_plateau": ReduceOnPlateau,
        "range_test": RangeTest,
    }
