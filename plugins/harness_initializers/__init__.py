"""Initializers of weights and biases, from zeros to orthogonal matrices."""

import harness
from harness_initializers.constant import Constant
from harness_initializers.fan_in_uniform import FanInUniform
from harness_initializers.glorot import GlorotNormal, GlorotUniform
from harness_initializers.he import HeNormal, HeUniform
from harness_initializers.lecun import LecunNormal, LecunUniform
from harness_initializers.normal import Normal
from harness_initializers.orthogonal import Orthogonal
from harness_initializers.uniform import Uniform
from harness_initializers.zeros import Zeros

__all__ = [
    "Constant",
    "FanInUniform",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "LecunNormal",
    "LecunUniform",
    "Normal",
    "Orthogonal",
    "Uniform",
    "Zeros",
]

harness_contract = 1


@harness.hookimpl
def harness_initializers() -> dict[str, type]:
    """The initializers by name."""
    return {
        "zeros": Zeros,
        "constant": Constant,
        "normal": Normal,
        "uniform": Uniform,
        "fan_in_uniform": FanInUniform,
        "glorot_normal": GlorotNormal,
        "glorot_uniform": GlorotUniform,
        "he_normal": HeNormal,
        "he_uniform": HeUniform,
        "lecun_normal": LecunNormal,
        "lecun_uniform": LecunUniform,
        "orthogonal": Orthogonal,
    }
