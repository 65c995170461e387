"""Update rules, an algorithm a file: gradient descent, momentum, and rates for each parameter.

Search spaces give each rule the same four decades of learning rate around its default, so that an
equal number of trials is an equal chance.
"""

import harness
from harness_optimizers.adabelief import AdaBelief
from harness_optimizers.adadelta import AdaDelta
from harness_optimizers.adafactor import Adafactor
from harness_optimizers.adagrad import AdaGrad
from harness_optimizers.adam import Adam
from harness_optimizers.adamax import AdaMax
from harness_optimizers.adamw import AdamW
from harness_optimizers.adan import Adan
from harness_optimizers.amsgrad import AmsGrad
from harness_optimizers.averaged_momentum import AveragedMomentum
from harness_optimizers.heavy_ball import HeavyBall
from harness_optimizers.lamb import Lamb
from harness_optimizers.lars import Lars
from harness_optimizers.lbfgs import Lbfgs
from harness_optimizers.lion import Lion
from harness_optimizers.muon import Muon
from harness_optimizers.nadam import NAdam
from harness_optimizers.nesterov import Nesterov
from harness_optimizers.radam import RAdam
from harness_optimizers.rmsprop import RmsProp
from harness_optimizers.rmsprop_centered import RmsPropCentered
from harness_optimizers.rmsprop_momentum import RmsPropMomentum
from harness_optimizers.rprop import Rprop
from harness_optimizers.schedule_free_adamw import ScheduleFreeAdamW
from harness_optimizers.schedule_free_sgd import ScheduleFreeSgd
from harness_optimizers.sgd import Sgd
from harness_optimizers.shampoo import Shampoo
from harness_optimizers.signsgd import SignSgd
from harness_optimizers.signum import Signum
from harness_optimizers.sophia import Sophia
from harness_optimizers.yogi import Yogi

__all__ = [
    "AdaBelief",
    "AdaDelta",
    "AdaGrad",
    "AdaMax",
    "Adafactor",
    "Adam",
    "AdamW",
    "Adan",
    "AmsGrad",
    "AveragedMomentum",
    "HeavyBall",
    "Lamb",
    "Lars",
    "Lbfgs",
    "Lion",
    "Muon",
    "NAdam",
    "Nesterov",
    "RAdam",
    "RmsProp",
    "RmsPropCentered",
    "RmsPropMomentum",
    "Rprop",
    "ScheduleFreeAdamW",
    "ScheduleFreeSgd",
    "Sgd",
    "Shampoo",
    "SignSgd",
    "Signum",
    "Sophia",
    "Yogi",
]

harness_contract = 1


@harness.hookimpl
def harness_optimizers() -> dict[str, type]:
    """The update rules by name."""
    return {
        "sgd": Sgd,
        "heavy_ball": HeavyBall,
        "averaged_momentum": AveragedMomentum,
        "nesterov": Nesterov,
        "signsgd": SignSgd,
        "signum": Signum,
        "rprop": Rprop,
        "adagrad": AdaGrad,
        "adadelta": AdaDelta,
        "rmsprop": RmsProp,
        "rmsprop_momentum": RmsPropMomentum,
        "rmsprop_centered": RmsPropCentered,
        "adam": Adam,
        "adamw": AdamW,
        "adamax": AdaMax,
        "amsgrad": AmsGrad,
        "nadam": NAdam,
        "radam": RAdam,
        "adabelief": AdaBelief,
        "yogi": Yogi,
        "adan": Adan,
        "lion": Lion,
        "adafactor": Adafactor,
        "lars": Lars,
        "lamb": Lamb,
        "muon": Muon,
        "sophia": Sophia,
        "lbfgs": Lbfgs,
        "shampoo": Shampoo,
        "schedule_free_sgd": ScheduleFreeSgd,
        "schedule_free_adamw": ScheduleFreeAdamW,
    }
