"""Initializers of weights and biases, from zeros to matrices fitted to the data."""

import harness
from harness_initializers.constant import Constant
from harness_initializers.fan_in_uniform import FanInUniform
from harness_initializers.fixup import Fixup
from harness_initializers.glorot import GlorotNormal, GlorotUniform
from harness_initializers.he import HeNormal, HeUniform
from harness_initializers.identity import Identity
from harness_initializers.lecun import LecunNormal, LecunUniform
from harness_initializers.lsuv import Lsuv
from harness_initializers.normal import Normal
from harness_initializers.orthogonal import Orthogonal
from harness_initializers.sparse import Sparse
from harness_initializers.truncated_normal import TruncatedNormal
from harness_initializers.uniform import Uniform
from harness_initializers.variance_scaling import VarianceScaling
from harness_initializers.zeros import Zeros

__all__ = [
    "Constant",
    "FanInUniform",
    "Fixup",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "LecunNormal",
    "LecunUniform",
    "Lsuv",
    "Normal",
    "Orthogonal",
    "Sparse",
    "TruncatedNormal",
    "Uniform",
    "VarianceScaling",
    "Zeros",
]

harness_contract = 1


@harness.hookimpl
def harness_initializers() -> dict[str, type]:
    """The initializers by name."""
    return {
        "zeros": Zeros,
        "constant": Constant,
        "identity": Identity,
        "normal": Normal,
        "truncated_normal": TruncatedNormal,
        "uniform": Uniform,
        "fan_in_uniform": FanInUniform,
        "glorot_normal": GlorotNormal,
        "glorot_uniform": GlorotUniform,
        "he_normal": HeNormal,
        "he_uniform": HeUniform,
        "lecun_normal": LecunNormal,
        "lecun_uniform": LecunUniform,
        "variance_scaling": VarianceScaling,
        "orthogonal": Orthogonal,
        "sparse": Sparse,
        "lsuv": Lsuv,
        "fixup": Fixup,
    }
