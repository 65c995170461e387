"""Features of a dataset to inputs of its network: categorical ones as those encoded by hand."""

import json

import numpy as np
import pandas
import pytest

from harness.errors import DataError
from harness.prediction.description import Description
from harness.prediction.input_columns import InputColumns
from harness.prediction.parameters import load_parameters, save_parameters
from harness.prediction.predictor import Predictor

NAMES = ("size", "zip", "city")
LEVELS = {"zip": ("007", "8"), "city": ("Bern", "Oslo", "Rome")}
COLUMNS = InputColumns(NAMES, LEVELS)
ROWS = [[1.5, "8", "Rome"], [2.5, "007", "Bern"]]
ENCODED = [[1.5, 0, 1, 0, 0, 1], [2.5, 1, 0, 1, 0, 0]]


@pytest.mark.parametrize(
    "features",
    [
        ROWS,
        np.array(ROWS, object),
        np.array(ROWS),  # all text
        pandas.DataFrame(ROWS, columns=NAMES),
        pandas.DataFrame(ROWS),
        pandas.DataFrame(ROWS, columns=NAMES).assign(other=1)[["city", "other", "zip", "size"]],
        pandas.DataFrame(ROWS, columns=NAMES).astype({"city": "category", "zip": "category"}),
        pandas.DataFrame([[1.5, 8, "Rome"], [2.5, 7, "Bern"]], columns=NAMES),  # numbers by value
        pandas.DataFrame([[1.5, 8.0, "Rome"], [2.5, 7.0, "Bern"]], columns=NAMES),
    ],
)
def test_levels_become_columns_of_0_and_1(features):
    assert COLUMNS.encode(features).tolist() == ENCODED
    assert COLUMNS.width == 6


def test_an_unknown_level_is_none_of_the_others_and_warned_of():
    with pytest.warns(UserWarning, match=r"'city' has levels .*not trained on: Paris\. .*none of"):
        inputs = COLUMNS.encode([[1.5, "8", "Paris"], [2.5, "007", "Bern"]])
    assert inputs.tolist() == [[1.5, 0, 1, 0, 0, 0], ENCODED[1]]


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ([[1.5, "8"]], r"shape \(rows, 3\).*Got \(1, 2\)"),
        ([["large", "8", "Rome"]], "Features must be numbers"),
        ([[np.nan, "8", "Rome"]], r"Row 1 \(the first is 1\) has nan in 'size'"),
        ([ROWS[0], [1.5, "8", None]], r"'city' has no value in row 2 \(the first is 1\)"),
        ([[1.5, np.nan, "Rome"]], "'zip' has no value in row 1"),
        ([[1.5, pandas.NA, "Rome"]], "'zip' has no value in row 1"),
        (pandas.DataFrame([[1.5, "8", ["Rome"]]]), "levels of 'city' must be texts"),
        (pandas.DataFrame(ROWS, columns=NAMES)[["size", "zip"]], "lacks 1 features .*: city"),
    ],
)
def test_features_that_do_not_fit_are_refused(features, message):
    with pytest.raises(DataError, match=message):
        COLUMNS.encode(features)


def test_no_rows_have_no_inputs():
    assert COLUMNS.encode(np.empty((0, 3), object)).shape == (0, 6)


def test_an_example_can_be_encoded():
    example = pandas.DataFrame(COLUMNS.example(np.array(ENCODED)))
    assert example.to_numpy().tolist() == [[1.5, "007", "Bern"], [2.5, "007", "Bern"]]
    assert COLUMNS.encode(example).shape == (2, 6)


# --- with a trained network -----------------------------------------------------------------------


@pytest.fixture
def description(describe):
    scaling = describe().scaling | {
        "feature_shift": [2.0, 0.5, 0.5, 0.5, 0.0, 0.5],
        "feature_scale": [0.5, 0.5, 0.5, 0.5, 1.0, 0.5],
    }
    return describe(sizes=(6, 3, 1), feature_names=NAMES, categories=LEVELS, scaling=scaling)


def test_a_trained_network_takes_what_the_dataset_has(describe, description, tmp_path):
    theta = np.random.default_rng(0).standard_normal(description.network.size)
    by_hand = describe(sizes=(6, 3, 1), feature_names=tuple("abcdef"), scaling=description.scaling)
    for name, each in (("text", description), ("by_hand", by_hand)):
        (tmp_path / name).mkdir()
        save_parameters(tmp_path / name, each, theta)
    assert load_parameters(tmp_path / "text")[0] == description
    expected = Predictor.load(tmp_path / "by_hand").outputs(ENCODED)
    np.testing.assert_array_equal(Predictor.load(tmp_path / "text").outputs(ROWS), expected)


def test_a_description_without_categories_is_written_as_ever(describe, tmp_path):
    save_parameters(tmp_path, describe(), np.zeros(describe().network.size))
    fields = json.loads((tmp_path / "description.json").read_text())
    assert "categories" not in fields
    assert Description.from_fields(fields) == describe()


@pytest.mark.parametrize(
    ("categories", "message"),
    [
        (["zip"], "'categories' must be lists"),
        ({"zip": "007"}, "'categories' must be lists"),
        ({"zip": ["007", 8], "city": ["a", "b", "c"]}, "levels of 'zip' must be different texts"),
        ({"zip": ["8", "8"], "city": ["a", "b", "c"]}, "levels of 'zip' must be different texts"),
        ({"zip": [], "city": ["a"]}, "levels of 'zip' must be different texts"),
        ({"street": ["a", "b"]}, "'street' of 'categories' must be a feature"),
        ({"zip": ["007", "8"], "city": ["a", "b"]}, "'feature_names' must name 6 features"),
    ],
)
def test_categories_that_are_wrong_are_refused(description, categories, message):
    with pytest.raises(DataError, match=message):
        Description.from_fields(description.to_fields() | {"categories": categories})
