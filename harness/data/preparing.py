"""From a dataset to the data that a run trains on: checked, split, scaled, encoded."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.contracts import Data, Task
from harness.data.categories import OneHot
from harness.data.checks import checked_features, checked_labels
from harness.data.encoding import CONTINUOUS, check_size, one_hot, target_form
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
        feature_names: Names of the features as they came, before categorical ones were encoded.
        categories: The levels of each categorical feature that the training part has, by the
            feature's name, in the order of their columns.
        source: Origin of the data.
        sha256: Hash of features and targets as loaded, with their shapes and dtypes, and of the columns
            that are categorical.
        split_sha256: Hash of the row numbers of the parts.
    """

    train: Part
    validation: Part
    test: Part
    scaling: Scaling
    task: Task
    classes: tuple[str, ...]
    feature_names: tuple[str, ...]
    categories: dict[str, tuple[str, ...]]
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
    form = target_form(task, output_activation)

    rows = _draw(data, labels, task, split)
    if form is one_hot:
        check_size(f"{len(classes):,} classes", len(classes), data, CONTINUOUS)
    names = data.feature_names or tuple(f"x{i + 1}" for i in range(features.shape[1]))
    levels = OneHot.fit(features[rows[0]], data.categories)
    for column, numbers in levels.levels.items():
        hint = f"Leave it out with dataset.ignore=[{names[column]}]."
        check_size(f"{len(numbers):,} levels of {names[column]!r}", len(numbers), data, hint)
    encoded_names = levels.names(names, data.categories)
    parts = [
        (levels.encode(features[part]), form(labels[part], len(classes)), labels[part])
        for part in rows
    ]  # copies
    feature_map = fit(parts[0][0], split.scale)
    _check_statistics(feature_map, encoded_names, data.source)
    standardise = task is Task.REGRESSION and split.scale_targets
    target_map = fit(parts[0][1], "standard" if standardise else "none")
    _check_statistics(target_map, ("target",) * parts[0][1].shape[1], data.source)

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
        categories={
            names[column]: tuple(data.categories[column][number] for number in numbers)
            for column, numbers in levels.levels.items()
        },
        source=data.source,
        sha256=_digest(data.features, data.targets, *_categorical(data)),
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
    try:
        test, rest = hold_out(np.arange(free), strata, sizes["test"], rng)
        validation, train = hold_out(rest, strata, sizes["validation"], rng)
    except DataError as error:
        hint = f" {CONTINUOUS}" if one_label and count < 20 * len(np.unique(labels)) else ""
        raise DataError(f"{data.source}: {error}{hint}") from error
    return [train, validation, np.arange(free, count) if data.test_size else test]


def _check_statistics(scaling: Affine, names: Sequence[str], source: str) -> None:
    finite = np.isfinite(scaling.shift) & np.isfinite(scaling.scale)
    if not finite.all():
        raise DataError(
            f"{source}: the values of {names[int(np.argmin(finite))]!r} are too large to be scaled: "
            f"a statistic of them overflows. Give them in a larger unit, or set split.scale=none "
            f"(for a target, split.scale_targets=false)."
        )


def _categorical(data: Data) -> list[np.ndarray]:
    """The columns of categorical features; nothing where there are none, as in data without them."""
    return [np.array(sorted(data.categories), np.int64)] if data.categories else []


def _digest(*arrays: np.ndarray) -> str:
    sha256 = hashlib.sha256()
    for array in arrays:
        little = array.astype(array.dtype.newbyteorder("<"), order="C", copy=False)
        sha256.update(f"{little.dtype.str}{little.shape}".encode())
        sha256.update(little.data)
    return sha256.hexdigest()
