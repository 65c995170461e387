"""Wrappers around the steps of any update rule, one a file: clipping, averages, and more."""

import harness
from harness_wrappers.clip_adaptive import ClipAdaptive
from harness_wrappers.clip_norm import ClipNorm
from harness_wrappers.clip_value import ClipValue
from harness_wrappers.decoupled_decay import DecoupledDecay
from harness_wrappers.ema import Ema
from harness_wrappers.lookahead import Lookahead
from harness_wrappers.sam import Sam
from harness_wrappers.swa import Swa

__all__ = [
    "ClipAdaptive",
    "ClipNorm",
    "ClipValue",
    "DecoupledDecay",
    "Ema",
    "Lookahead",
    "Sam",
    "Swa",
]

harness_contract = 1


@harness.hookimpl
def harness_wrappers() -> dict[str, type]:
    """The wrappers by name, in the order of a step."""
    return {
        "sam": Sam,
        "clip_value": ClipValue,
        "clip_norm": ClipNorm,
        "clip_adaptive": ClipAdaptive,
        "decoupled_decay": DecoupledDecay,
        "lookahead": Lookahead,
        "ema": Ema,
        "swa": Swa,
    }
