from __future__ import annotations

import os
import pickle
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from harness import ConfigurationError, Data, DataError, Task
from harness.data.preparing import Split, prepare
from harness_datasets import Table, npz_files

FRAME = pd.DataFrame(
    {
        "length": [1.1, 2.2, 3.3, 4.7],
        "count": [1, 2, 3, 4],
        "wild": [True, False, True, False],
        "kind": ["b", "a", "b", "c"],
        "label": [3, 1, 1, 3],
        "price": [0.1 + 0.2, 1e-300, -7.5, 2.0],
    }
)


def write(frame: pd.DataFrame, path: Path) -> str:
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    elif path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        np.savez(path, **{str(n): np.array(c.tolist()) for n, c in frame.items()})
    return str(path)


def csv(folder: Path, text: str) -> str:
    path = folder / "table.csv"
    path.write_text(text)
    return str(path)


@pytest.fixture(params=[".csv", ".parquet", ".npz"])
def path(request, tmp_path):
    return write(FRAME, tmp_path / f"table{request.param}")


# --- what comes out -------------------------------------------------------------------------------


def test_text_classes(path):
    data = Table(path, "kind", ignore=["label"]).load()
    np.testing.assert_array_equal(
        data.features, FRAME[["length", "count", "wild", "price"]].to_numpy(float)
    )
    assert data.features.dtype == np.float64
    assert data.targets.tolist() == [1, 0, 1, 2]
    assert data.classes == ("a", "b", "c")
    assert data.feature_names == ("length", "count", "wild", "price")
    assert data.test_size == 0


@pytest.mark.parametrize("kind", [int, float])
def test_numbers_as_classes(tmp_path, kind):
    frame = FRAME.drop(columns="kind").astype({"label": kind})
    data = Table(write(frame, tmp_path / "t.parquet"), "label", "binary").load()
    assert data.targets.tolist() == [1, 0, 0, 1]
    assert data.classes == ("1", "3")


def test_true_and_false_as_classes(path):
    data = Table(path, "wild", "binary", ignore=["kind"]).load()
    assert data.targets.tolist() == [1, 0, 1, 0]
    assert data.classes == ("False", "True")


def test_regression_with_one_target_and_with_several(path):
    one = Table(path, "price", "regression", ignore=["kind"]).load()
    np.testing.assert_array_equal(one.targets, FRAME["price"])  # to the bit, 1e-300 too
    two = Table(path, ["price", "length"], "regression", ignore=["kind"]).load()
    np.testing.assert_array_equal(two.targets, FRAME[["price", "length"]])
    assert two.feature_names == ("count", "wild", "label")
    assert two.classes == ()


def test_multilabel(tmp_path):
    frame = pd.DataFrame({"x": [1.0, 2, 3], "red": [0, 1, 1], "round": [True, True, False]})
    data = Table(write(frame, tmp_path / "t.csv"), ["red", "round"], "multilabel").load()
    assert data.targets.tolist() == [[0, 1], [1, 1], [1, 0]]
    assert data.classes == ("red", "round")


def test_npz_with_matrices(tmp_path):
    x, y = np.arange(12.0).reshape(4, 3), np.arange(8.0).reshape(4, 2)
    np.savez(tmp_path / "t.npz", x=x, z=np.ones(4), y=y)
    data = Table(str(tmp_path / "t.npz"), "y", "regression").load()
    np.testing.assert_array_equal(data.features, np.column_stack([x, np.ones(4)]))
    np.testing.assert_array_equal(data.targets, y)
    assert data.feature_names == ("x_0", "x_1", "x_2", "z")


def test_nullable_and_categorical_columns_without_gaps_are_fine(tmp_path):
    frame = pd.DataFrame(
        {
            "n": pd.array([1, 2, 3], dtype="Int64"),
            "b": pd.array([True, False, True], dtype="boolean"),
            "y": pd.Categorical(["u", "v", "u"]),
        }
    )
    data = Table(write(frame, tmp_path / "t.parquet"), "y", "binary").load()
    assert data.features.tolist() == [[1, 1], [2, 0], [3, 1]]
    assert data.classes == ("u", "v")


def test_a_table_can_be_prepared(path):
    table = Table(path, "kind", ignore=["label"])
    prepared = prepare(table.load(), table.task, "softmax", Split(0, 0))
    assert prepared.outputs == 3


# --- what is refused ------------------------------------------------------------------------------


def test_a_missing_value_is_named_by_column_and_row(tmp_path):
    frame = FRAME.astype({"count": float})
    frame.loc[[0, 2], "count"] = np.nan
    for suffix in (".csv", ".parquet", ".npz"):
        path = write(frame, tmp_path / f"gaps{suffix}")
        with pytest.raises(
            DataError, match=r"'count' of .* has no value in rows 1, 3 \("
        ) as caught:
            Table(path, "kind").load()
        assert "dataset.ignore=[count]" in str(caught.value)
        assert len(Table(path, "kind", ignore=["count"]).load().features) == 4


def test_a_class_without_a_value(tmp_path):
    path = csv(tmp_path, "x,y\n1,a\n2,\n3,b\n")
    with pytest.raises(DataError, match=r"'y' of .* has no value in row 2"):
        Table(path, "y").load()


def test_a_feature_that_is_text_is_named_by_column_value_and_row(path):
    with pytest.raises(
        DataError, match=r"'kind' of .* cannot be a feature: it holds '?b.* rows 1, 2"
    ):
        Table(path, "label").load()


def test_a_stray_word_among_numbers_is_found(tmp_path):
    path = csv(tmp_path, "x,y\n1,0\n2,1\n?,0\n4,1\n")
    with pytest.raises(DataError, match=r"holds '\?', which is not a number, in row 3 \("):
        Table(path, "y").load()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "nothing"}, "has no column 'nothing'. Its columns are: length, count, wild"),
        ({"target": "kind", "ignore": ["kin"]}, "has no column 'kin'"),
        (
            {"target": "price", "ignore": ["kind"]},
            r"'price' of .* cannot be a class.*dataset.task=regression",
        ),
        ({"target": "kind", "task": "regression"}, "'kind' of .* cannot be a target"),
        ({"target": "kind", "ignore": [n for n in FRAME if n != "kind"]}, "no columns left"),
    ],
)
def test_columns_that_cannot_be_what_they_should(path, options, message):
    with pytest.raises(DataError, match=message):
        Table(path, **options).load()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Cannot read .* as .csv: No columns to parse"),
        ("x,y\n", "holds no rows"),
        ("x,y\n1,0,7\n2,1,7\n", "Cannot read"),
        ("x,y\n1,0\n2,1,7\n", "Cannot read .*line 3"),
        ("x,y\n\xff\x00", None),
    ],
)
def test_broken_csv_files(tmp_path, text, message):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as outside of tests: an error must not become a warning
        with pytest.raises(DataError, match=message):
            Table(csv(tmp_path, text), "y", "binary").load()


def test_a_file_that_is_not_there_or_of_another_kind(tmp_path):
    with pytest.raises(DataError, match=r"There is no file .*nothing.csv"):
        Table(str(tmp_path / "nothing.csv"), "y").load()
    with pytest.raises(DataError, match=r"must be a .csv, .parquet, .npz file"):
        Table(str(tmp_path / "table.pkl"), "y").load()
    with pytest.raises(DataError, match="There is no file"):  # never a request to a server
        Table("http://127.0.0.1:9/table.csv", "y").load()


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("pickled-code-ran",)


def test_pickled_arrays_are_not_loaded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    objects = np.empty(2, object)
    objects[:] = [Bomb(), Bomb()]
    np.savez("objects.npz", x=np.ones(2), y=objects)
    with zipfile.ZipFile("raw.npz", "w") as archive:
        archive.writestr("y.npy", pickle.dumps(Bomb()))
    for name in ("objects.npz", "raw.npz"):
        with pytest.raises(DataError, match=r"Cannot read .*allow_pickle=False|Got no array"):
            Table(name, "y").load()
    assert sorted(os.listdir()) == ["objects.npz", "raw.npz"]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.ones(3), "y": np.ones(2)}, "equally many rows, but x has 3, y has 2"),
        ({"x": np.ones((2, 2, 2)), "y": np.ones(2)}, r"'x' in .* Got shape \(2, 2, 2\)"),
        ({"x": np.array(1.0), "y": np.ones(2)}, r"'x' in .* Got shape \(\)"),
        ({"x": np.ones(2) + 1j, "y": np.ones(2)}, "'x' of .* cannot be a feature"),
        ({}, "holds no rows"),
    ],
)
def test_npz_files_that_are_no_table(tmp_path, arrays, message):
    np.savez(tmp_path / "t.npz", **arrays)
    with pytest.raises(DataError, match=message):
        Table(str(tmp_path / "t.npz"), "y").load()


def test_an_npz_bomb_is_not_unpacked(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "t.npz", x=np.zeros(10_000), y=np.ones(10_000))
    monkeypatch.setattr(npz_files, "LARGEST", 100_000)
    monkeypatch.setattr(np, "load", None)
    with pytest.raises(DataError, match=r"unpacks to 16\d,\d+ bytes; at most 100,000"):
        Table(str(tmp_path / "t.npz"), "y").load()


def test_columns_of_the_same_name_are_refused(tmp_path):
    path = csv(tmp_path, "x, z, x\n1,2,3\n4,5,6\n")
    with pytest.raises(DataError, match="Twice there: x"):
        Table(path, "z", "regression").load()


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sampled_from([".csv", ".parquet", ".npz"]), st.data())
def test_any_bytes_give_data_or_a_data_error(tmp_path, suffix, data):
    content = bytearray(Path(write(FRAME, tmp_path / f"table{suffix}")).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / f"damaged{suffix}"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        try:
            loaded = Table(str(path), "price", "regression", ignore=["kind"]).load()
        except DataError:
            return
    assert isinstance(loaded, Data)


# --- configuration --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"target": "y", "task": "auto"},
            "must be one of binary, multiclass, multilabel, regression",
        ),
        ({"target": ""}, "'target' of Table"),
        ({"target": []}, "'target' of Table"),
        ({"target": [1]}, "'target' of Table"),
        ({"target": None}, "'target' of Table"),
        ({"target": ["a", "b"]}, "must be one column where the task is multiclass"),
    ],
)
def test_settings_that_are_refused(options, message):
    with pytest.raises(ConfigurationError, match=message):
        Table("t.csv", **options)


def test_a_configuration_gives_a_name_or_a_list():
    node = OmegaConf.structured(Table)
    OmegaConf.set_readonly(node, False)
    node.path, node.target, node.task = "t.csv", "y", "binary"
    table = OmegaConf.to_object(node)
    assert (table.target, table.task) == ("y", Task.BINARY)
    node.target, node.task = ["y", "z"], "regression"
    table = OmegaConf.to_object(node)
    assert table._targets == ["y", "z"]
    assert table.task is Task.REGRESSION
