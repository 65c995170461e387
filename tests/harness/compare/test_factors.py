"""What runs are called by their configuration."""

from __future__ import annotations

import pytest
from pandas import DataFrame

from harness.compare.factors import factors_of, labels

PARAMS = DataFrame(
    {
        "optimizer": ["sgd", "sgd", "adam"],
        "wrapper": ["none", "ema", "ema+clip_norm"],
        "initializer": ["zeros", "zeros", "zeros"],
        "dataset": ["iris", "iris", "iris"],
        "optimizer.lr": ["0.1", "0.1", "0.1"],
    }
)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (["optimizer"], ["sgd", "sgd", "adam"]),
        (["wrapper"], ["wrapper=none", "ema", "ema+clip_norm"]),
        (["optimizer", "wrapper"], ["sgd", "sgd + ema", "adam + ema + clip_norm"]),
        (
            ["optimizer", "wrapper", "initializer"],
            ["sgd, zeros", "sgd + ema, zeros", "adam + ema + clip_norm, zeros"],
        ),
        (
            ["wrapper", "initializer"],
            ["wrapper=none, zeros", "ema, zeros", "ema+clip_norm, zeros"],
        ),
        (["optimizer", "optimizer.lr"], [f"{o}, optimizer.lr=0.1" for o in ("sgd", "sgd", "adam")]),
        ([], ["all"] * 3),
    ],
)
def test_components_go_by_their_names_and_other_values_by_their_keys(keys, expected):
    assert list(labels(PARAMS, keys)) == expected


def test_what_varies_is_compared_optimizers_and_wrappers_first():
    assert factors_of(PARAMS, ["dataset"]) == ("optimizer", "wrapper")
    assert factors_of(PARAMS[PARAMS["optimizer"] == "sgd"], ["dataset"]) == ("wrapper",)
    other = PARAMS.assign(schedule=["step", "cosine", "step"])
    assert factors_of(other, ["dataset"]) == ("optimizer", "wrapper", "schedule")
