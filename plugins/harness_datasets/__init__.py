"""Datasets: scikit-learn's bundled real data, synthetic ones, MNIST, and tables of yours.

Each is in its original units and a fixed order; splitting and scaling are the core's.
"""

from __future__ import annotations

import harness
from harness_datasets.bundled import BreastCancer, Diabetes, Digits, Iris, Wine
from harness_datasets.circles import Circles
from harness_datasets.gaussians import Gaussians
from harness_datasets.mnist import Mnist
from harness_datasets.moons import Moons
from harness_datasets.spirals import Spirals
from harness_datasets.table import Table
from harness_datasets.xor import Xor

harness_contract = 1


@harness.hookimpl
def harness_datasets() -> dict[str, type]:
    """Datasets by name."""
    return {
        "breast_cancer": BreastCancer,
        "circles": Circles,
        "diabetes": Diabetes,
        "digits": Digits,
        "gaussians": Gaussians,
        "iris": Iris,
        "mnist": Mnist,
        "moons": Moons,
        "spirals": Spirals,
        "table": Table,
        "wine": Wine,
        "xor": Xor,
    }
