"""Update rules: gradient descent, momentum in its three written forms, Adam and AdamW.

Search spaces give each rule the same four decades of learning rate around its default, so that an
equal number of trials is an equal chance.
"""

import harness
from harness_optimizers.adam import Adam
from harness_optimizers.adamw import AdamW
from harness_optimizers.averaged_momentum import AveragedMomentum
from harness_optimizers.heavy_ball import HeavyBall
from harness_optimizers.nesterov import Nesterov
from harness_optimizers.sgd import Sgd

__all__ = ["Adam", "AdamW", "AveragedMomentum", "HeavyBall", "Nesterov", "Sgd"]

harness_contract = 1


@harness.hookimpl
def harness_optimizers() -> dict[str, type]:
    """The update rules by name."""
    return {
        "sgd": Sgd,
        "heavy_ball": HeavyBall,
        "averaged_momentum": AveragedMomentum,
        "nesterov": Nesterov,
        "adam": Adam,
        "adamw": AdamW,
    }
