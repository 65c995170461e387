"""Requirements for datasets. If the files of one are not here, its message is the reason of the skip."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import numpy as np

from harness.contracts import Data, Task
from harness.data.preparing import Prepared, Split, prepare
from harness.errors import DataError, MissingDependencyError
from harness.testing.check_results import Skip, Violation
from harness.testing.dependencies import depends_on
from harness.testing.global_generators import assert_global_generators_untouched
from harness.testing.subject import Subject

__all__ = ["REQUIREMENTS"]

OUTPUT_ACTIVATIONS = {  # the core encodes the targets for one of them
    Task.BINARY: "sigmoid",
    Task.MULTICLASS: "softmax",
    Task.MULTILABEL: "sigmoid",
    Task.REGRESSION: "identity",
}
SPLIT = Split(validation=0.2, test=0.2, scale="none", scale_targets=False)


def states_its_task(subject: Subject) -> None:
    """`task` is a harness.Task, and the same before and after loading."""
    before = subject.example.task
    _load(subject)
    after_loading = subject.example.task
    if not isinstance(before, Task) or before is not after_loading:
        raise Violation(
            f"task is {before!r} before loading and {after_loading!r} afterwards.",
            "Set task to a harness.Task, by the fields alone and not by the data.",
        )


@depends_on(states_its_task)
def returns_valid_data(subject: Subject) -> str:
    """Features are finite numbers (N, F), targets suit the task, class numbers run from 0, and the
    core can split, scale and encode the data."""
    data = _load(subject)
    if not (isinstance(data, Data) and isinstance(data.source, str) and data.source.strip()):
        raise Violation(
            f"load returned a {type(data).__name__} with the source "
            f"{getattr(data, 'source', None)!r}.",
            "Return harness.Data(features, targets, source='where they came from').",
        )
    try:
        for split in (Split(), SPLIT):
            _prepared(subject, data, split)
    except DataError as error:
        raise Violation(str(error), "Correct what load returns; see harness.Data.") from error
    return f"{len(data.features)} rows, {data.features.shape[1]} features"


@depends_on(returns_valid_data)
def loads_the_same_every_time(subject: Subject) -> None:
    """`load` returns the same bits in the same order at each call, of any instance with equal fields."""
    first = _prepared(subject, _load(subject), SPLIT).sha256
    again = _prepared(subject, _load(subject), SPLIT).sha256
    copied = dataclasses.replace(subject, custom_example=copy.copy(subject.example), results={})
    from_copy = _prepared(copied, _load(copied), SPLIT).sha256
    if not first == again == from_copy:
        raise Violation(
            f"The SHA-256 of the data was {first[:12]}…, then {again[:12]}…, and {from_copy[:12]}… of "
            "another instance.",
            "Draw from np.random.default_rng(self.seed), made inside load; sort the entries of folders "
            "and sets.",
        )


@depends_on(states_its_task)
def touches_no_global_generator(subject: Subject) -> None:
    """Loading leaves the global random generators alone: it neither draws from them nor seeds them."""
    _load(subject)  # its first call may import modules, which may draw
    assert_global_generators_untouched(
        lambda: _load(subject),
        "Draw from np.random.default_rng(self.seed), made inside load.",
    )


@depends_on(returns_valid_data)
def has_parts_that_share_no_rows(subject: Subject) -> str | None:
    """No row of features and targets is in two parts of a split; rows that the data repeat are counted.

    An official test part may have more than 1 in 100 of its rows also among the other rows only if the
    docstring of the class says so, with the word "duplicate".
    """
    data = _load(subject)
    parts = _prepared(subject, data, SPLIT)
    train, validation, test = (
        _rows(part.features, part.labels) for part in (parts.train, parts.validation, parts.test)
    )
    train_rows, other_rows = set(train), {*train, *validation}
    leaked_rows = sum(row in other_rows for row in test)
    shared = leaked_rows + sum(row in train_rows for row in validation)
    repeated = len(data.features) - len(other_rows | set(test))
    leaked_share = leaked_rows / max(len(test), 1)
    documented = "duplicate" in (subject.component.__doc__ or "").lower()
    if data.test_size and leaked_share > 0.01 and not documented:
        raise Violation(
            f"{leaked_share:.1%} of the {len(test)} rows of the official test part are among the "
            f"{len(data.features) - data.test_size} others.",
            "Remove them from the training rows; if the source has them there, state in the docstring "
            "of the class how many duplicates there are.",
        )
    if not repeated:
        return None
    return f"rows that repeat another one: {repeated}; in two parts of a split: {shared}"


@depends_on(returns_valid_data)
def ends_with_its_official_test_part(subject: Subject) -> str:
    """The last `test_size` rows are the test part for every seed of the split, and each class in them
    is among the other rows, too."""
    data = _load(subject)
    if not data.test_size:
        raise Skip("it has no official test part")
    features, labels = data.features[-data.test_size :], data.targets[-data.test_size :]
    for seed in (0, 1):
        part = _prepared(subject, data, dataclasses.replace(SPLIT, seed=seed)).test
        expected = _rows(features.astype(part.features.dtype), labels.astype(part.labels.dtype))
        if _rows(part.features, part.labels) != expected:
            raise Violation(
                f"With split.seed={seed} the test part is not the last {data.test_size} rows.",
                "Put the official test rows last, and their number into test_size.",
            )
    if subject.example.task in (Task.BINARY, Task.MULTICLASS):
        missing = np.setdiff1d(data.targets[-data.test_size :], data.targets[: -data.test_size])
        if missing.size:
            raise Violation(
                f"Of the classes {missing.tolist()} there are rows only in the test part.",
                "Check which rows are the test part; they must come last.",
            )
    return f"{data.test_size} rows"


def _load(subject: Subject) -> Any:
    try:
        return subject.example.load()
    except (DataError, MissingDependencyError) as reason:
        raise Skip(str(reason)) from reason


def _prepared(subject: Subject, data: Data, split: Split) -> Prepared:
    task = subject.example.task
    return prepare(data, task, OUTPUT_ACTIVATIONS[task], split)


def _rows(features: np.ndarray, targets: np.ndarray) -> list[int]:
    """A 64-bit hash of each row of features and targets."""
    return [hash(x.tobytes() + y.tobytes()) for x, y in zip(features, targets, strict=True)]


REQUIREMENTS = (
    states_its_task,
    returns_valid_data,
    loads_the_same_every_time,
    touches_no_global_generator,
    has_parts_that_share_no_rows,
    ends_with_its_official_test_part,
)
