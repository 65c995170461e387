"""The small real datasets that scikit-learn brings along.

They are read from scikit-learn's folder without importing it, which would take longer than all else
before the first training step. Where the folder is not as expected, scikit-learn itself loads them.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from harness import Data, MissingDependencyError, Task


@dataclass(frozen=True)
class Digits:
    """1,797 handwritten digits of 8 × 8 pixels from 0 to 16 (Alpaydin & Kaynak 1998)."""

    task: ClassVar[Task] = Task.MULTICLASS

    def load(self) -> Data:
        """Features (1797, 64), pixel by pixel in rows; targets (1797,) are the digits."""
        features, targets = _read("digits", "digits.csv.gz", (1797, 65))
        return Data(
            features,
            targets,
            source="digits: Optical Recognition of Handwritten Digits, UCI, from scikit-learn",
            classes=tuple("0123456789"),
            feature_names=tuple(f"pixel_{row}_{column}" for row in range(8) for column in range(8)),
        )


@dataclass(frozen=True)
class Iris:
    """150 irises of three species with the size of their leaves (Fisher 1936)."""

    task: ClassVar[Task] = Task.MULTICLASS

    def load(self) -> Data:
        """Features (150, 4) in cm; targets (150,) are the species."""
        features, targets = _read("iris", "iris.csv", (150, 5), skiprows=1)
        return Data(
            features,
            targets,
            source="iris: Fisher 1936, from scikit-learn",
            classes=("setosa", "versicolor", "virginica"),
            feature_names=(
                "sepal length (cm)",
                "sepal width (cm)",
                "petal length (cm)",
                "petal width (cm)",
            ),
        )


@dataclass(frozen=True)
class Wine:
    """Chemical analyses of 178 Italian wines from three cultivars (Aeberhard & Forina, UCI)."""

    task: ClassVar[Task] = Task.MULTICLASS

    def load(self) -> Data:
        """Features (178, 13), of very different sizes; targets (178,) are the cultivars."""
        features, targets = _read("wine", "wine_data.csv", (178, 14), skiprows=1)
        return Data(
            features,
            targets,
            source="wine: Wine recognition, UCI, from scikit-learn",
            classes=("class_0", "class_1", "class_2"),
            feature_names=(
                "alcohol",
                "malic_acid",
                "ash",
                "alcalinity_of_ash",
                "magnesium",
                "total_phenols",
                "flavanoids",
                "nonflavanoid_phenols",
                "proanthocyanins",
                "color_intensity",
                "hue",
                "od280/od315_of_diluted_wines",
                "proline",
            ),
        )


@dataclass(frozen=True)
class BreastCancer:
    """569 breast tumours by the shape of their cell nuclei (Street, Wolberg & Mangasarian 1993)."""

    task: ClassVar[Task] = Task.BINARY

    def load(self) -> Data:
        """Features (569, 30); targets (569,): 0 malignant, 1 benign."""
        features, targets = _read("breast_cancer", "breast_cancer.csv", (569, 31), skiprows=1)
        measures = (
            "radius",
            "texture",
            "perimeter",
            "area",
            "smoothness",
            "compactness",
            "concavity",
            "concave points",
            "symmetry",
            "fractal dimension",
        )
        return Data(
            features,
            targets,
            source="breast_cancer: Wisconsin Diagnostic, UCI, from scikit-learn",
            classes=("malignant", "benign"),
            feature_names=(
                *(f"mean {measure}" for measure in measures),
                *(f"{measure} error" for measure in measures),
                *(f"worst {measure}" for measure in measures),
            ),
        )


@dataclass(frozen=True)
class Diabetes:
    """442 diabetes patients, the progression of the disease after a year (Efron et al. 2004)."""

    task: ClassVar[Task] = Task.REGRESSION

    def load(self) -> Data:
        """Features (442, 10) in their own units; targets (442,): a measure from 25 to 346."""
        features = _table("diabetes_data_raw.csv.gz", (442, 10), delimiter=None)
        targets = _table("diabetes_target.csv.gz", (442,))
        if features is None or targets is None:
            features, targets = _ask_sklearn("diabetes", scaled=False)
        return Data(
            features,
            targets,
            source="diabetes: Efron, Hastie, Johnstone & Tibshirani 2004, from scikit-learn",
            feature_names=("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"),
        )


def _read(name: str, file: str, shape: tuple[int, int], skiprows: int = 0) -> Any:
    """Features and class numbers, the last column of the file."""
    table = _table(file, shape, skiprows=skiprows)
    if table is None:
        return _ask_sklearn(name)
    return np.ascontiguousarray(table[:, :-1]), table[:, -1].astype(np.int64)


def _table(file: str, shape: tuple[int, ...], **reading: Any) -> np.ndarray | None:
    """The numbers of a file in scikit-learn's data folder; None where they are not as expected."""
    package = find_spec("sklearn")  # finds the folder, imports nothing
    if package is None or package.origin is None:
        return None
    path = Path(package.origin).parent / "datasets" / "data" / file
    try:
        table = np.loadtxt(path, **{"delimiter": ",", **reading})
    except (OSError, ValueError):
        return None
    return table if table.shape == shape else None


def _ask_sklearn(name: str, **options: Any) -> Any:
    try:
        from sklearn import datasets
    except ImportError as error:
        raise MissingDependencyError(
            f"The dataset {name!r} is part of scikit-learn, which cannot be imported: {error}. "
            f"Install it with: pip install scikit-learn"
        ) from error
    features, targets = getattr(datasets, f"load_{name}")(return_X_y=True, **options)
    return np.ascontiguousarray(features, np.float64), targets
