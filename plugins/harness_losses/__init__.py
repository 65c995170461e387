"""Main losses, and auxiliary losses on outputs and hidden activations."""

import harness
from harness_losses.absolute_error import AbsoluteError
from harness_losses.confidence_penalty import ConfidencePenalty
from harness_losses.hidden_l1 import HiddenL1
from harness_losses.huber import Huber
from harness_losses.sigmoid_cross_entropy import SigmoidCrossEntropy
from harness_losses.softmax_cross_entropy import SoftmaxCrossEntropy
from harness_losses.squared_error import SquaredError
from harness_losses.z_loss import ZLoss

__all__ = [
    "AbsoluteError",
    "ConfidencePenalty",
    "HiddenL1",
    "Huber",
    "SigmoidCrossEntropy",
    "SoftmaxCrossEntropy",
    "SquaredError",
    "ZLoss",
]

harness_contract = 1


@harness.hookimpl
def harness_losses() -> dict[str, type]:
    """The main losses by name."""
    return {
        "softmax_cross_entropy": SoftmaxCrossEntropy,
        "sigmoid_cross_entropy": SigmoidCrossEntropy,
        "squared_error": SquaredError,
        "absolute_error": AbsoluteError,
        "huber": Huber,
    }


@harness.hookimpl
def harness_auxiliary_losses() -> dict[str, type]:
    """The auxiliary losses by name."""
    return {"confidence_penalty": ConfidencePenalty, "z_loss": ZLoss, "hidden_l1": HiddenL1}
