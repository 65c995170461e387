"""From a dataset to the data that a run trains on: checked, split, scaled, encoded."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from harness.contracts import Data, Task
from harness.data.checks import checked_features, checked_labels
from harness.data.scaling import SCALES, Affine, Scaling, fit
from harness.data.splitting import hold_out
from harness.errors import ConfigurationError, DataError
from harness.fields import check_choice, check_range
from harness.randomness import stream

__all__ = ["Part", "Prepared", "Split", "prepare"]


@dataclass(frozen=True)
class Split:
    """Which rows train, validate and test, and how they are scaled.

    All statistics are of the training part alone.

    Attributes:
        validation: Share of all rows that validate, in [0, 1); 0 leaves the part empty.
        test: Share of all rows that test, in [0, 1); 0 leaves the part empty. It is ignored where the
            dataset has an official test part.
        seed: Seed of the split alone: every run of a comparison sees the same parts.
        stratify: Whether every part has the same shares of the classes, and the training part each
            class. It has an effect for classification with one label a row.
        scale: How features are scaled: "standard", "minmax" or "none".
        scale_targets: Whether the targets of a regression are standardised.
    """

    validation: float = 0.2
    test: float = 0.2
    seed: int = 0
    stratify: bool = True
    scale: str = "standard"
    scale_targets: bool = True

    def __post_init__(self) -> None:
        check_range(self, "validation", 0, 1, closed="left")
        check_range(self, "test", 0, 1, closed="left")
        check_range(self, "seed", 0)
        check_choice(self, "scale", SCALES)
        if self.validation + self.test >= 1:
            raise ConfigurationError(
                f"'validation' and 'test' of Split must leave rows for training: their sum must be "
                f"below 1. Got {self.validation} + {self.test}."
            )


@dataclass(frozen=True, eq=False)
class Part:
    """N rows, ready for use; validation and test parts may have none. All arrays are C-contiguous.

    Attributes:
        features: Scaled features, (N, F); float32 where they came so, else float64.
        targets: Scaled targets as losses take them, (N, K) float64.
        labels: Targets as scikit-learn's metrics take them: class numbers, (N,); 0 and 1 for multilabel,
            (N, L); floats in their own units for regression, (N, K).
    """

    features: np.ndarray
    targets: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.features)


@dataclass(frozen=True, eq=False)
class Prepared:
    """A dataset after `prepare`.

    Attributes:
        train: Rows to train on.
        validation: Rows to validate on.
        test: Rows to test on.
        scaling: How features and targets were scaled.
        task: Task of the data.
        classes: Names of the classes or labels, by number.
        feature_names: Names of the features.
        source: Origin of the data.
        sha256: Hash of features and targets as loaded, with their shapes and dtypes.
        split_sha256: Hash of the row numbers of the parts.
    """

    train: Part
    validation: Part
    test: Part
    scaling: Scaling
    task: Task
    classes: tuple[str, ...]
    feature_names: tuple[str, ...]
    source: str
    sha256: str
    split_sha256: str

    @property
    def features(self) -> int:
        """The features that the network reads, F."""
        return self.train.features.shape[1]

    @property
    def outputs(self) -> int:
        """The outputs that the network has, K."""
        return self.train.targets.shape[1]


def prepare(data: Data, task: Task, output_activation: str, split: Split) -> Prepared:
    """Checks, splits, scales and encodes data.

    Raises DataError where the data are not what `Data` promises or have too few rows, and
    ConfigurationError where the loss does not fit the task.

    Args:
        data: Data as the dataset hands them out.
        task: Task of the dataset.
        output_activation: Output activation of the main loss. It decides the form of the targets:
            softmax one-hot (N, classes), sigmoid (N, 1) for binary and (N, L) for multilabel, identity
            (N, K).
        split: Which rows train, validate and test, and how they are scaled.
    """
    features = checked_features(data)
    labels, classes = checked_labels(data, task)
    targets = _encode(labels, task, output_activation, len(classes))

    rows = _draw(data, labels, task, split)
    parts = [(features[part], targets[part], labels[part]) for part in rows]  # copies
    feature_map = fit(parts[0][0], split.scale)
    names = data.feature_names or tuple(f"x{i + 1}" for i in range(features.shape[1]))
    _check_statistics(feature_map, names, data.source)
    standardise = task is Task.REGRESSION and split.scale_targets
    target_map = fit(parts[0][1], "standard" if standardise else "none")
    _check_statistics(target_map, ("target",) * targets.shape[1], data.source)

    train, validation, test = (
        Part(feature_map.apply(x, out=x), target_map.apply(y, out=y), z) for x, y, z in parts
    )
    return Prepared(
        train=train,
        validation=validation,
        test=test,
        scaling=Scaling(feature_map, target_map),
        task=task,
        classes=classes,
        feature_names=names,
        source=data.source,
        sha256=_digest(data.features, data.targets),
        split_sha256=_digest(*rows),
    )


def _draw(data: Data, labels: np.ndarray, task: Task, split: Split) -> list[np.ndarray]:
    """Row numbers of the training, validation and test part."""
    count = len(labels)
    shares = {"validation": split.validation, "test": 0.0 if data.test_size else split.test}
    sizes = {part: int(share * count + 0.5) for part, share in shares.items()}
    for part, share in shares.items():
        if share > 0 and sizes[part] == 0:
            raise DataError(
                f"{data.source}: split.{part}={share} of {count} rows is less than half a row. Use "
                f"a larger share, or 0 for no {part} part."
            )
    free = count - data.test_size  # rows that are not of an official test part
    one_label = task in (Task.BINARY, Task.MULTICLASS)
    strata = labels if split.stratify and one_label else np.zeros(count, np.int64)
    rng = stream(split.seed, "split")
    # The test part first: it stays the same when the validation share changes.
    test, rest = hold_out(np.arange(free), strata, sizes["test"], rng)
    validation, train = hold_out(rest, strata, sizes["validation"], rng)
    return [train, validation, np.arange(free, count) if data.test_size else test]


def _encode(labels: np.ndarray, task: Task, output_activation: str, classes: int) -> np.ndarray:
    """The targets of labels as in `Part`, (N, K) float64."""
    match task, output_activation:
        case ((Task.BINARY | Task.MULTICLASS), "softmax"):
            return np.eye(classes)[labels]
        case Task.BINARY, "sigmoid":
            return labels[:, None].astype(np.float64)
        case (Task.MULTILABEL, "sigmoid") | (Task.REGRESSION, "identity"):
            return labels.astype(np.float64)
    raise ConfigurationError(
        f"A loss with output activation {output_activation!r} does not fit the task "
        f"{task.value!r}. Use one with softmax or sigmoid for binary, softmax for multiclass, "
        f"sigmoid for multilabel, identity for regression."
    )


def _check_statistics(scaling: Affine, names: tuple[str, ...], source: str) -> None:
    finite = np.isfinite(scaling.shift) & np.isfinite(scaling.scale)
    if not finite.all():
        raise DataError(
            f"{source}: the values of {names[np.argmin(finite)]!r} are too large to be scaled: "
            f"a statistic of them overflows. Give them in a larger unit, or set split.scale=none "
            f"(for a target, split.scale_targets=false)."
        )


def _digest(*arrays: np.ndarray) -> str:
    sha256 = hashlib.sha256()
    for array in arrays:
        little = array.astype(array.dtype.newbyteorder("<"), order="C", copy=False)
        sha256.update(f"{little.dtype.str}{little.shape}".encode())
        sha256.update(little.data)
    return sha256.hexdigest()
