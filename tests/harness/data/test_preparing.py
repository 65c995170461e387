from __future__ import annotations

import dataclasses
import hashlib
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import LabelBinarizer, MinMaxScaler, StandardScaler

from harness import ConfigurationError, Data, DataError, Task
from harness.data.preparing import Prepared, Split, prepare


def classification(rows: int, classes: int, features: int = 3, seed: int = 0) -> Data:
    rng = np.random.default_rng(seed)
    targets = rng.permutation(np.arange(rows) % classes)
    return Data(5 + 3 * rng.standard_normal((rows, features)), targets, source="made up")


def regression(rows: int, outputs: int = 2, seed: int = 0) -> Data:
    rng = np.random.default_rng(seed)
    targets = 100 + 20 * rng.standard_normal((rows, outputs))
    return Data(rng.standard_normal((rows, 3)), targets, source="made up")


def row_numbers(prepared: Prepared, data: Data) -> list[np.ndarray]:
    """The rows of each part, found again by their first feature."""
    order = np.argsort(data.features[:, 0])
    parts = (prepared.train, prepared.validation, prepared.test)
    raw = (prepared.scaling.features.inverse(part.features)[:, 0] for part in parts)
    column = data.features[order, 0]
    return [order[np.abs(column - values[:, None]).argmin(axis=1)] for values in raw]


# --- encoding -------------------------------------------------------------------------------------


def test_softmax_takes_one_hot_targets():
    data = classification(60, 4)
    prepared = prepare(data, Task.MULTICLASS, "softmax", Split())
    expected = LabelBinarizer().fit(range(4)).transform(prepared.train.labels)
    np.testing.assert_array_equal(prepared.train.targets, expected)
    assert prepared.train.targets.dtype == np.float64
    assert prepared.outputs == 4
    assert prepared.classes == ("0", "1", "2", "3")


def test_two_classes_fit_softmax_as_well():
    prepared = prepare(classification(20, 2), Task.BINARY, "softmax", Split())
    np.testing.assert_array_equal(prepared.test.targets.argmax(axis=1), prepared.test.labels)
    assert prepared.outputs == 2


def test_sigmoid_takes_one_column_for_binary():
    prepared = prepare(classification(20, 2), Task.BINARY, "sigmoid", Split())
    assert prepared.train.targets.shape == (12, 1)
    np.testing.assert_array_equal(prepared.train.targets[:, 0], prepared.train.labels)
    assert prepared.train.labels.dtype == np.int64


def test_sigmoid_takes_a_column_for_each_label():
    data = dataclasses.replace(classification(20, 2), targets=np.eye(4)[np.arange(20) % 4, :3])
    prepared = prepare(data, Task.MULTILABEL, "sigmoid", Split())
    assert prepared.train.targets.shape == (12, 3)
    assert prepared.train.labels.dtype == np.int64
    np.testing.assert_array_equal(prepared.train.targets, prepared.train.labels)
    assert prepared.classes == ("0", "1", "2")


def test_regression_keeps_raw_labels_and_scales_targets():
    data = regression(50)
    prepared = prepare(data, Task.REGRESSION, "identity", Split())
    train = row_numbers(prepared, data)[0]
    np.testing.assert_array_equal(prepared.train.labels, data.targets[train])
    expected = StandardScaler().fit(data.targets[train])
    for part in (prepared.train, prepared.validation, prepared.test):
        np.testing.assert_allclose(part.targets, expected.transform(part.labels), rtol=1e-12)
        np.testing.assert_allclose(prepared.scaling.targets.inverse(part.targets), part.labels)


def test_regression_targets_can_stay_as_they_are():
    data = dataclasses.replace(regression(50), targets=np.arange(50.0))
    prepared = prepare(data, Task.REGRESSION, "identity", Split(scale_targets=False))
    assert prepared.train.targets.shape == (30, 1)
    np.testing.assert_array_equal(prepared.train.targets, prepared.train.labels)


@pytest.mark.parametrize(
    ("task", "activation"),
    [
        (Task.MULTICLASS, "sigmoid"),
        (Task.MULTICLASS, "identity"),
        (Task.BINARY, "identity"),
        (Task.REGRESSION, "softmax"),
    ],
)
def test_a_loss_that_does_not_fit_is_refused(task, activation):
    data = classification(20, 2)
    with pytest.raises(ConfigurationError, match=f"'{activation}' does not fit.*'{task.value}'"):
        prepare(data, task, activation, Split())


# --- scaling --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scale", "scaler"), [("standard", StandardScaler), ("minmax", MinMaxScaler)]
)
def test_features_are_scaled_as_scikit_learn_fitted_on_the_training_rows_does(scale, scaler):
    data = classification(80, 2)
    prepared = prepare(data, Task.BINARY, "sigmoid", Split(scale=scale))
    rows = row_numbers(prepared, data)
    expected = scaler().fit(data.features[rows[0]])
    for part, numbers in zip(
        (prepared.train, prepared.validation, prepared.test), rows, strict=True
    ):
        np.testing.assert_allclose(
            part.features, expected.transform(data.features[numbers]), rtol=1e-10, atol=1e-12
        )


def test_no_scaling_leaves_features_untouched():
    data = classification(20, 2)
    prepared = prepare(data, Task.BINARY, "sigmoid", Split(scale="none"))
    np.testing.assert_array_equal(
        prepared.train.features, data.features[row_numbers(prepared, data)[0]]
    )


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32), st.sampled_from(["standard", "minmax"]), st.booleans())
def test_no_row_outside_the_training_part_influences_the_scaling(seed, scale, official):
    data = regression(40, seed=seed)
    data = dataclasses.replace(data, test_size=7 if official else 0)
    split = Split(seed=seed, scale=scale)
    before = prepare(data, Task.REGRESSION, "identity", split)
    _, validation, test = row_numbers(before, data)
    features, targets = data.features.copy(), data.targets.copy()
    for rows in (validation, test):
        assert len(rows) > 0
        features[rows] = 1e6 + 1e5 * features[rows]
        targets[rows] = -1e6
    changed = dataclasses.replace(data, features=features, targets=targets)
    after = prepare(changed, Task.REGRESSION, "identity", split)
    assert after.scaling.to_dict() == before.scaling.to_dict()
    np.testing.assert_array_equal(after.train.features, before.train.features)
    np.testing.assert_array_equal(after.train.targets, before.train.targets)
    assert not np.array_equal(after.test.features, before.test.features)


@pytest.mark.parametrize("power", [-1000, -600, 600, 1010])
@pytest.mark.parametrize("scale", ["standard", "minmax"])
def test_extreme_units_make_no_difference(power, scale):
    # Powers of two change no digit, but squares of such values leave the range of float64
    data = classification(20, 2)
    extreme = dataclasses.replace(data, features=data.features * 2.0**power)
    usual, other = (prepare(d, Task.BINARY, "sigmoid", Split(scale=scale)) for d in (data, extreme))
    np.testing.assert_allclose(other.train.features, usual.train.features, rtol=1e-12)
    np.testing.assert_allclose(other.test.features, usual.test.features, rtol=1e-12)


def test_an_overflowing_column_is_named():
    data = classification(20, 2)
    features = data.features.copy()
    features[:, 1] = np.where(np.arange(20) % 2, -1.5e308, 1.5e308)
    data = dataclasses.replace(data, features=features, feature_names=("a", "b", "c"))
    with pytest.raises(DataError, match="'b' are too large"):
        prepare(data, Task.BINARY, "sigmoid", Split(scale="minmax"))


NEARLY = {
    "one last digit": np.where(np.arange(60) % 2, 0.3, 0.1 + 0.2),
    "a sum in another order": np.array(
        [
            sum(np.random.default_rng(row).permutation([0.1, 0.2, 0.3, 0.4, 1e3]))
            for row in range(60)
        ]
    ),
    "shares of a whole": 1 - np.random.default_rng(0).choice([0, 1, 2], 60) * 2.0**-53,
    "large": 1e300 * np.where(np.arange(60) % 3, 1, 1 + 2.0**-52),
    "small": -1e-300 * np.where(np.arange(60) % 3, 1, 1 + 2.0**-52),
}


@pytest.mark.parametrize("values", NEARLY.values(), ids=NEARLY)
@pytest.mark.parametrize("scale", ["standard", "minmax"])
def test_a_column_that_is_constant_but_for_rounding_is_only_shifted(values, scale):
    data = regression(60)
    features = np.column_stack([data.features, values])
    features[7, -1] *= 1.03
    data = dataclasses.replace(data, features=features)
    prepared = prepare(data, Task.REGRESSION, "identity", Split(seed=1, scale=scale))
    assert 7 in row_numbers(prepared, data)[1]
    assert prepared.scaling.features.scale[-1] == 1
    assert np.ptp(prepared.train.features[:, -1]) < 1e-13 * abs(values[0])
    assert np.abs(prepared.validation.features[:, -1]).max() == pytest.approx(0.03 * abs(values[0]))


def test_rounding_is_that_of_the_type():
    single = np.where(
        np.arange(60) % 2, np.float32(0.3), np.nextafter(np.float32(0.3), np.float32(1))
    )
    spread = np.float32(101_325) + np.arange(60).astype(np.float32) % 20 / 128  # steps of its own
    features = np.column_stack([single, spread])
    assert features.dtype == np.float32
    data = dataclasses.replace(regression(60), features=features)
    prepared = prepare(data, Task.REGRESSION, "identity", Split())
    assert prepared.scaling.features.scale[0] == 1
    assert prepared.train.features[:, 1].std() == pytest.approx(1, rel=1e-3)


def test_a_target_that_is_constant_but_for_rounding_is_only_shifted():
    data = dataclasses.replace(regression(60), targets=NEARLY["one last digit"])
    prepared = prepare(data, Task.REGRESSION, "identity", Split())
    assert prepared.scaling.targets.scale.tolist() == [1]
    np.testing.assert_allclose(prepared.scaling.targets.inverse(np.zeros((1, 1))), 0.3)


def test_a_small_spread_on_a_large_mean_is_scaled():
    # Nanoseconds since 1970: 10 µs apart, and float64 has a step of 256 ns there
    values = 1.7e18 + 10_000 * np.arange(60.0)
    prepared = prepare(
        dataclasses.replace(regression(60), features=values[:, None]),
        Task.REGRESSION,
        "identity",
        Split(),
    )
    assert prepared.train.features.std() == pytest.approx(1)


def test_the_data_given_are_left_as_they_are():
    data = regression(30)
    features, targets = data.features.copy(), data.targets.copy()
    prepare(data, Task.REGRESSION, "identity", Split())
    np.testing.assert_array_equal(data.features, features)
    np.testing.assert_array_equal(data.targets, targets)


@pytest.mark.parametrize(
    ("given_dtype", "dtype"),
    [(np.float32, np.float32), (np.float64, np.float64), (np.int32, np.float64)],
)
def test_precision_and_layout(given_dtype, dtype):
    data = classification(20, 2)
    features = np.asfortranarray(data.features.astype(given_dtype))
    prepared = prepare(
        dataclasses.replace(data, features=features), Task.BINARY, "sigmoid", Split(test=0)
    )
    for part in (prepared.train, prepared.validation, prepared.test):
        assert part.features.dtype == dtype
        assert part.features.flags.c_contiguous
        assert part.targets.flags.c_contiguous
        assert part.labels.flags.c_contiguous


# --- the split ------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=50)
@given(
    rows=st.integers(24, 200),  # enough for each class to keep a row in the training part
    classes=st.integers(2, 4),
    validation=st.floats(0.1, 0.3),
    test=st.floats(0.1, 0.3),
    seed=st.integers(0, 2**63),
    stratify=st.booleans(),
)
def test_parts_are_disjoint_and_cover_all_rows(rows, classes, validation, test, seed, stratify):
    data = classification(rows, classes)
    split = Split(validation, test, seed, stratify)
    prepared = prepare(data, Task.MULTICLASS, "softmax", split)
    numbers = row_numbers(prepared, data)
    assert sorted(np.concatenate(numbers)) == list(range(rows))
    assert abs(len(prepared.validation) - validation * rows) <= 0.5
    assert abs(len(prepared.test) - test * rows) <= 0.5
    for part, rows_of_part in zip(
        (prepared.train, prepared.validation, prepared.test), numbers, strict=True
    ):
        np.testing.assert_array_equal(part.labels, data.targets[rows_of_part])
    if stratify:
        assert set(prepared.train.labels) == set(range(classes))


def test_one_seed_gives_one_split_and_another_seed_another():
    data = classification(100, 3)
    digests = [
        prepare(data, Task.MULTICLASS, "softmax", Split(seed=seed)).split_sha256
        for seed in (3, 3, 4)
    ]
    assert digests[0] == digests[1] != digests[2]


def test_the_split_is_the_same_in_every_version():
    # Rows written down: a changed split would make old and new runs incomparable in silence.
    data = Data(np.arange(15.0)[:, None], np.arange(15) % 3, source="made up")
    prepared = prepare(data, Task.MULTICLASS, "softmax", Split(seed=7))
    rows = row_numbers(prepared, data)
    assert [numbers.tolist() for numbers in rows] == [
        [3, 4, 5, 6, 10, 11, 12, 13, 14],
        [2, 7, 9],
        [0, 1, 8],
    ]
    content = (f"<i8{numbers.shape}".encode() + numbers.astype("<i8").tobytes() for numbers in rows)
    assert prepared.split_sha256 == hashlib.sha256(b"".join(content)).hexdigest()


def test_the_test_part_does_not_depend_on_the_validation_share():
    data = classification(100, 3)
    small, large = (
        prepare(data, Task.MULTICLASS, "softmax", Split(validation=share)) for share in (0.1, 0.5)
    )
    np.testing.assert_array_equal(row_numbers(small, data)[2], row_numbers(large, data)[2])


def test_an_official_test_part_is_the_test_part():
    data = dataclasses.replace(classification(50, 2), test_size=10)
    prepared = prepare(data, Task.BINARY, "sigmoid", Split(validation=0.2, test=0.7))
    train, validation, test = row_numbers(prepared, data)
    assert test.tolist() == list(range(40, 50))
    assert len(validation) == 10
    assert len(train) == 30


def test_parts_can_be_empty():
    prepared = prepare(classification(20, 2), Task.BINARY, "sigmoid", Split(0, 0))
    assert (len(prepared.train), len(prepared.validation), len(prepared.test)) == (20, 0, 0)
    assert prepared.test.features.shape == (0, 3)
    assert prepared.test.targets.shape == (0, 1)
    assert prepared.test.labels.shape == (0,)


def test_a_share_that_is_no_row_is_refused():
    with pytest.raises(DataError, match=r"split.validation=0.01 of 20 rows"):
        prepare(classification(20, 2), Task.BINARY, "sigmoid", Split(validation=0.01))


def test_classes_with_too_few_rows_are_refused():
    data = classification(10, 5)
    with pytest.raises(DataError, match=r"each of the 5 classes.*split.stratify=false"):
        prepare(data, Task.MULTICLASS, "softmax", Split(0.4, 0.4))
    assert (
        len(prepare(data, Task.MULTICLASS, "softmax", Split(0.4, 0.4, stratify=False)).train) == 2
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"validation": -0.1}, "'validation' of Split must be in the range"),
        ({"test": 1.0}, "'test' of Split must be in the range"),
        ({"validation": float("nan")}, "'validation'"),
        ({"validation": 0.5, "test": 0.5}, "their sum must be below 1"),
        ({"seed": -1}, "'seed' of Split"),
        ({"scale": "robust"}, "must be one of standard, minmax, none. Got 'robust'"),
    ],
)
def test_settings_out_of_range(options, message):
    with pytest.raises(ConfigurationError, match=message):
        Split(**options)


# --- provenance -----------------------------------------------------------------------------------


def test_the_digest_sees_values_shapes_and_dtypes_and_nothing_else():
    data = classification(30, 2)

    def digest(**changes) -> str:
        return prepare(dataclasses.replace(data, **changes), Task.BINARY, "sigmoid", Split()).sha256

    features = data.features.copy()
    features[3, 1] = np.nextafter(features[3, 1], 100)
    different = [
        digest(),
        digest(features=features),
        digest(targets=1 - data.targets),
        digest(targets=data.targets.astype(np.int32)),
        digest(features=data.features.astype(np.float32)),
        digest(features=data.features.reshape(30, 3)[:, ::-1]),
    ]
    assert len(set(different)) == len(different)
    big_endian = data.features.astype(">f8")
    fortran = np.asfortranarray(data.features)
    same = [digest(features=big_endian), digest(features=fortran), digest(source="elsewhere")]
    assert set(same) == {digest()}


def test_names_come_along_or_are_made_up():
    data = classification(30, 2)
    prepared = prepare(data, Task.BINARY, "sigmoid", Split())
    assert prepared.feature_names == ("x1", "x2", "x3")
    named = dataclasses.replace(data, feature_names=("a", "b", "c"), classes=("no", "yes"))
    prepared = prepare(named, Task.BINARY, "sigmoid", Split())
    assert (prepared.feature_names, prepared.classes) == (("a", "b", "c"), ("no", "yes"))
    assert prepared.features == 3
    assert prepared.source == "made up"


# --- classes and levels ---------------------------------------------------------------------------


@pytest.mark.parametrize("split", [Split(), Split(0, 0), Split(stratify=False)])
@pytest.mark.parametrize("rows", [20_000, 100_000])
def test_a_class_for_each_of_many_rows_is_refused_before_any_memory_is_taken(split, rows):
    data = Data(np.zeros((rows, 1)), np.arange(rows), source="ids")
    tracemalloc.start()
    with pytest.raises(DataError, match=rf"ids: .*{rows:,} classes.*the task is regression"):
        prepare(data, Task.MULTICLASS, "softmax", split)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6


def categorical(codes, names=("Bern", "Oslo", "Rome")):
    rng = np.random.default_rng(0)
    features = np.column_stack([rng.standard_normal(len(codes)), codes, np.arange(len(codes))])
    return Data(
        features,
        np.arange(len(codes)) % 2,
        source="cities",
        feature_names=("size", "city", "row"),
        categories={1: names},
    )


def test_levels_become_columns_of_0_and_1_as_those_encoded_by_hand():
    codes = np.arange(30) % 3
    data = categorical(codes)
    by_hand = np.column_stack([data.features[:, :1], np.eye(3)[codes], data.features[:, 2:]])
    for scale in ("standard", "minmax", "none"):
        ours, expected = (
            prepare(d, Task.BINARY, "sigmoid", Split(scale=scale))
            for d in (data, Data(by_hand, data.targets, source="by hand"))
        )
        for part in ("train", "validation", "test"):
            np.testing.assert_array_equal(
                getattr(ours, part).features, getattr(expected, part).features
            )
        assert ours.scaling.to_dict() == expected.scaling.to_dict()
    assert ours.feature_names == ("size", "city", "row")
    assert ours.categories == {"city": ("Bern", "Oslo", "Rome")}
    assert ours.features == 5


def test_only_levels_of_the_training_part_have_columns():
    codes = np.arange(30) % 3
    rows = row_numbers(
        prepare(regression(30), Task.REGRESSION, "identity", Split()), regression(30)
    )
    codes[rows[0]] = np.arange(len(rows[0])) % 2 * 2
    codes[rows[1]] = 1
    data = dataclasses.replace(
        categorical(codes), targets=np.arange(30.0) ** 2, categories={1: ("a", "b", "c")}
    )
    prepared = prepare(data, Task.REGRESSION, "identity", Split(scale="none"))
    assert prepared.categories == {"city": ("a", "c")}
    assert prepared.train.features[:, 1:3].sum(axis=1).tolist() == [1] * len(rows[0])
    assert not prepared.validation.features[:, 1:3].any()  # none of the levels


def test_the_digest_sees_which_columns_are_categorical():
    data = categorical(np.arange(30) % 3)
    plain = dataclasses.replace(data, categories={})
    digests = [prepare(d, Task.BINARY, "sigmoid", Split()).sha256 for d in (data, plain)]
    assert digests[0] != digests[1]


@pytest.mark.parametrize(
    ("codes", "names", "message"),
    [
        ([0, 1, 2, 3] * 5, ("a", "b", "c"), r"column 1 must be whole numbers below 3.*to 3"),
        ([0, 1, 0.5, 1] * 5, ("a", "b"), "column 1 must be whole numbers below 2"),
        ([0, 1] * 10, ("a", "a"), "levels of column 1 must have different names. Twice there: a"),
    ],
)
def test_levels_that_are_none_are_refused(codes, names, message):
    with pytest.raises(DataError, match=f"cities: .*{message}"):
        prepare(categorical(np.array(codes), names), Task.BINARY, "sigmoid", Split())


def test_a_level_for_each_of_many_rows_is_refused():
    data = categorical(np.arange(9_000), tuple(map(str, range(9_000))))
    with pytest.raises(DataError, match=r"levels of 'city' in 9,000 rows.*dataset.ignore=\[city"):
        prepare(data, Task.BINARY, "sigmoid", Split())


@pytest.mark.parametrize("names", [{"feature_names": ("a", "b", "a")}, {"classes": ("yes", "yes")}])
def test_names_that_are_there_twice_are_refused(names):
    data = dataclasses.replace(classification(20, 2), **names)
    with pytest.raises(DataError, match=r"must have different names\. Twice there"):
        prepare(data, Task.BINARY, "sigmoid", Split())
