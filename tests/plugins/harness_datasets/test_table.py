from __future__ import annotations

import os
import pickle
import warnings
import zipfile
from decimal import Decimal
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


# --- read as it is written ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "classes", "labels"),
    [
        (["007", "010", "100"], ("007", "010", "100"), [0, 1, 2]),
        (["01", "1", "02"], ("01", "02", "1"), [0, 2, 1]),  # three, and none is a number again
        (["3", "10", "3"], ("3", "10"), [0, 1, 0]),  # by size, as numbers
        (["-1", "1", "-1"], ("-1", "1"), [0, 1, 0]),
        (["1.0", "10.0", "2.0"], ("1.0", "2.0", "10.0"), [0, 2, 1]),
        (["1e3", "1000", "1e3"], ("1000", "1e3"), [1, 0, 1]),
        (["+1", "1", "1"], ("+1", "1"), [0, 1, 1]),
        (["TRUE", "false", "TRUE"], ("TRUE", "false"), [0, 1, 0]),
        (["9" * 20, "9" * 19 + "8", "9" * 20], ("9" * 19 + "8", "9" * 20), [1, 0, 1]),
        (["1_0", "10", "10"], ("10", "1_0"), [1, 0, 0]),
        (["1 ", "01\t", "1"], ("01", "1"), [1, 0, 1]),  # blanks are no part of a number
        (["a ", "a", "a"], ("a", "a "), [1, 0, 0]),
        (["inf", "a", "a"], ("a", "inf"), [1, 0, 0]),
    ],
)
def test_classes_of_a_csv_file_are_called_what_is_written_there(tmp_path, cells, classes, labels):
    path = csv(tmp_path, "x,y\n" + "".join(f"{i},{cell}\n" for i, cell in enumerate(cells)))
    data = Table(path, "y").load()
    assert (data.classes, data.targets.tolist()) == (classes, labels)
    assert data.targets.dtype == np.int64


def test_long_decimals_of_parquet_stay_different_classes(tmp_path):
    numbers = [Decimal("1" * 38), Decimal("1" * 37 + "2")]
    frame = pd.DataFrame({"x": [Decimal("1.50"), Decimal("2.25")], "y": numbers})
    data = Table(write(frame, tmp_path / "t.parquet"), "y").load()
    assert data.classes == tuple(map(str, numbers))
    assert data.features.tolist() == [[1.5], [2.25]]


def test_a_target_with_fractions_is_no_class(tmp_path):
    path = csv(tmp_path, "x,y\n1,1.5\n2,2\n3,2.50\n")
    with pytest.raises(DataError, match=r"Got 1.5. For a continuous target set dataset.task=reg"):
        Table(path, "y").load()


@pytest.mark.parametrize("header", [",u,y", '"",u,y', " ,u,y", "Unnamed: 0,u,y"])
def test_a_column_without_a_name_is_no_feature(tmp_path, header):
    path = csv(tmp_path, f"{header}\n0,5,a\n1,6,b\n")
    with pytest.raises(DataError, match=r"without a name.*'dataset.ignore=\[\"Unnamed: 0\"\]'"):
        Table(path, "y").load()
    assert Table(path, "y", ignore=["Unnamed: 0"]).load().feature_names == ("u",)


def test_all_columns_without_a_name_are_named_at_once(tmp_path):
    path = csv(tmp_path, ",u,,y\n0,5,1,a\n1,6,2,b\n")
    with pytest.raises(DataError, match=r'\["Unnamed: 0","Unnamed: 2"\]'):
        Table(path, "y").load()


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["0.5", "1.5", "2.5", "NAN", "4.5"], "'NAN', which is not a number, in row 4 "),
        (["0.5", "1_000", "2.5"], "'1_000', which is not a number, in row 2 "),
        (["0.5", "１２", "x"], "'１２', which is not a number, in rows 2, 3 "),
        (["0.5", "1.5\u00a0"], r"'1.5\\xa0', which is not a number, in row 2 "),
        (["1", "2", "True"], "'True', which is not a number, in row 3 "),
        (["True", "False", "maybe"], "'maybe', which is not true or false, in row 3 "),
        (['"1,5"', "2"], r"'1,5', which is not a number, in row 1 .*dataset.decimal=comma"),
        (['"1.234,5"', "2"], "'1.234,5', which is not a number, in row 1 "),
    ],
)
def test_only_cells_that_are_no_numbers_are_blamed(tmp_path, cells, message):
    path = csv(tmp_path, "a,y\n" + "".join(f"{cell},1\n" for cell in cells))
    with pytest.raises(DataError, match=f"'a' of .* cannot be a feature: it holds {message}"):
        Table(path, "y", "regression").load()


def test_long_whole_numbers_are_numbers(tmp_path):
    path = csv(tmp_path, f"a,y\n1,1\n{2**64 + 1},2\n-{10**30},3\n")
    data = Table(path, "y", "regression").load()
    assert data.features[:, 0].tolist() == [1, 2.0**64, -1e30]


def test_text_that_looks_like_numbers_is_called_text(tmp_path):
    path = write(pd.DataFrame({"a": ["1.5", "2"], "y": [1, 2]}), tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"it holds text, as '1.5'.*dataset.categorical=\[a\]"):
        Table(path, "y").load()


WRITTEN_OTHERWISE = {
    "separator=semicolon": ("größe;y\n1.5;0\n2.5;1\n", "utf-8"),
    "separator=tab": ("größe\ty\n1.5\t0\n2.5\t1\n", "utf-8"),
    "separator=bar": ("größe|y\n1.5|0\n2.5|1\n", "utf-8"),
    "separator=space": ("größe  y\n 1.5 0\n2.5    1\n", "utf-8"),
    "separator=semicolon decimal=comma": ("größe;y\n1,5;0\n2,5;1\n", "utf-8"),
    "comment=hash": ("# größe in m\ngröße,y\n1.5,0\n2.5,1\n", "utf-8"),
    "comment=percent": ("% größe in m\ngröße,y\n1.5,0\n2.5,1 % sic\n", "utf-8"),
    "encoding=latin-1": ("größe,y\n1.5,0\n2.5,1\n", "latin-1"),
    "encoding=utf-16": ("größe,y\n1.5,0\n2.5,1\n", "utf-16"),
    "encoding=latin-1 comment=hash separator=semicolon decimal=comma": (
        "# größe\ngröße;y\n1,5;0\n2,5;1\n",
        "latin-1",
    ),
}


@pytest.mark.parametrize("options", WRITTEN_OTHERWISE)
def test_a_file_that_is_written_otherwise_is_read_with_the_options_that_the_message_names(
    tmp_path, options
):
    text, encoding = WRITTEN_OTHERWISE[options]
    path = tmp_path / "t.csv"
    path.write_text(text, encoding=encoding)
    with pytest.raises(DataError) as caught:
        Table(str(path), "y").load()
    advised = " ".join(f"dataset.{option}" for option in options.split())
    assert f"It looks as if you needed {advised}." in str(caught.value)
    data = Table(str(path), "y", **dict(option.split("=") for option in options.split())).load()
    assert data.features.tolist() == [[1.5], [2.5]]
    assert data.classes == ("0", "1")
    assert data.feature_names == ("größe",)


def test_a_comment_among_the_rows_is_told_from_a_row_with_gaps(tmp_path):
    path = csv(tmp_path, "x,z,y\n1,2,0\n# sic\n2,3,1\n")
    with pytest.raises(DataError, match=r"'# sic' stands alone in row 2 .*dataset.comment=hash"):
        Table(path, "y").load()
    assert Table(path, "y", comment="#").load().features.tolist() == [[1, 2], [2, 3]]


def test_a_letter_that_is_no_text_far_below_is_advised_on(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"x,y\n" + b"1,a\n" * 20_000 + "2,é\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"you needed dataset.encoding=latin-1"):
        Table(str(tmp_path / "t.csv"), "y").load()


def test_options_of_csv_files_are_for_csv_files(tmp_path):
    path = write(FRAME, tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"are for .csv files"):
        Table(path, "kind", separator="tab").load()


def test_a_file_without_a_header_is_told_so(tmp_path):
    with pytest.raises(DataError, match=r"no column 'y'.* the first line must be a header"):
        Table(csv(tmp_path, "5.1,3.5,setosa\n4.9,3.0,setosa\n"), "y").load()


def test_a_sign_and_its_name_are_the_same():
    assert Table("t.csv", "y", separator=";", decimal=",", comment="#", encoding="UTF8") == Table(
        "t.csv", "y", separator="semicolon", decimal="comma", comment="hash", encoding="utf-8"
    )


def test_an_encoding_that_was_not_needed_is_advised_against(tmp_path):
    path = csv(tmp_path, "größe,y\n1,a\n2,b\n")
    for encoding in ("utf-16", "ascii"):
        with pytest.raises(DataError, match=r"you needed dataset.encoding=utf-8"):
            Table(path, "y", encoding=encoding).load()


def test_an_empty_cell_between_tabs_is_a_gap(tmp_path):
    path = csv(tmp_path, "a\tb\ty\n1\t\t0\n2\t3\t1\n")
    with pytest.raises(DataError, match=r"'b' of .* has no value in row 1"):
        Table(path, "y", separator="tab").load()


# --- arrays of NPZ files --------------------------------------------------------------------------

MATRIX, LABELS = np.arange(8.0).reshape(4, 2), np.array([0, 1, 0, 1])


def npz(folder: Path, **arrays) -> str:
    np.savez(folder / "t.npz", **{"X": MATRIX, "y": LABELS} | arrays)
    return str(folder / "t.npz")


def test_columns_whose_names_collide_once_they_are_numbered_are_refused(tmp_path):
    path = npz(tmp_path, X_0=MATRIX[:, 0])
    with pytest.raises(DataError, match=r"Twice there: X_0.*dataset.ignore=\[X_0\]"):
        Table(path, "y").load()
    assert Table(path, "y", ignore=["X_0"]).load().feature_names == ("X_0", "X_1")
    assert Table(path, "y", ignore=["X"]).load().feature_names == ("X_0",)


@pytest.mark.parametrize(
    "other",
    [
        np.array(["u", "v"]),
        np.array(3.0),
        np.ones((2, 2, 2)),
        np.array([{}, {}], object),
        np.ones((4, 0)),
    ],
    ids=["short", "scalar", "cube", "pickled", "empty"],
)
def test_an_ignored_array_may_be_anything(tmp_path, other):
    data = Table(npz(tmp_path, other=other), "y", ignore=["other"]).load()
    assert data.features.tolist() == MATRIX.tolist()


def test_ignored_columns_of_csv_may_have_one_name(tmp_path):
    path = csv(tmp_path, "id,u,id,y\n1,5,?,0\n2,6,,1\n")
    assert Table(path, "y", ignore=["id"]).load().features.tolist() == [[5], [6]]


def test_arrays_of_other_lengths_are_named_as_what_to_ignore(tmp_path):
    path = npz(tmp_path, X_test=MATRIX[:3], y_test=LABELS[:3])
    with pytest.raises(DataError, match=r"\[\"X_test\",\"y_test\"\]"):
        Table(path, "y").load()
    assert Table(path, "y", ignore=["X_test", "y_test"]).load().features.shape == (4, 2)


def test_a_column_of_a_matrix_has_a_name_like_any_other(tmp_path):
    path = npz(tmp_path)
    assert Table(path, "y", ignore=["X_1"]).load().feature_names == ("X_0",)
    data = Table(path, "X_1", "regression").load()
    assert (data.feature_names, data.targets.tolist()) == (("X_0", "y"), [1, 3, 5, 7])


def test_arrays_are_what_their_own_names_say(tmp_path):
    np.savez(tmp_path / "t.npz", **{"x": MATRIX[:, 0], "x.npy": MATRIX[:, 1], "y": LABELS})
    data = Table(str(tmp_path / "t.npz"), "y").load()
    assert data.features.tolist() == MATRIX.tolist()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with zipfile.ZipFile(tmp_path / "t.npz", "a") as archive:
            archive.writestr("y.npy", archive.read("x.npy"))
    with pytest.raises(DataError, match="several arrays of the same name: y"):
        Table(str(tmp_path / "t.npz"), "y").load()


# --- categories -----------------------------------------------------------------------------------

CITIES = "size,zip,city,y\n" + "".join(
    f"{i},{['007', '7', '010'][i % 3]},{['Rome', 'Bern'][i % 2]},{i % 2}\n" for i in range(30)
)


def test_text_columns_become_categories(tmp_path):
    data = Table(csv(tmp_path, CITIES), "y", "binary", categorical=["city", "zip"]).load()
    assert data.feature_names == ("size", "zip", "city")
    assert data.categories == {1: ("007", "010", "7"), 2: ("Bern", "Rome")}
    assert data.features[:4].tolist() == [[0, 0, 1], [1, 2, 0], [2, 1, 1], [3, 0, 0]]


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".npz"])
def test_categories_of_all_types_and_files(tmp_path, suffix):
    path = write(FRAME, tmp_path / f"t{suffix}")
    table = Table(path, "kind", ignore=["length", "price"], categorical=["label", "wild", "count"])
    data = table.load()
    assert data.feature_names == ("count", "wild", "label")
    assert data.categories == {0: ("1", "2", "3", "4"), 1: ("False", "True"), 2: ("1", "3")}


def test_the_order_of_levels_does_not_depend_on_other_levels(tmp_path):
    # Else a level of the test part could change what is trained
    for other in ("8", "x"):
        path = csv(tmp_path, f"c,y\n9,1\n10,2\n{other},3\n")
        data = Table(path, "y", "regression", categorical=["c"]).load()
        assert data.categories == {0: ("10", *sorted(["9", other]))}


def test_dates_are_no_categories(tmp_path):
    frame = pd.DataFrame({"day": pd.to_datetime(["2020-01-01", "2020-01-02"]), "y": [1, 2]})
    path = write(frame, tmp_path / "t.parquet")
    with pytest.raises(
        DataError, match=r"'day' of .* cannot be categorical: its values must be text"
    ):
        Table(path, "y", categorical=["day"]).load()


def test_all_columns_of_an_array_are_categories(tmp_path):
    path = npz(tmp_path, X=np.array([["a", "u"], ["b", "v"]] * 2))
    assert Table(path, "y", categorical=["X"]).load().categories == {0: ("a", "b"), 1: ("u", "v")}


def test_a_category_without_a_value_is_refused(tmp_path):
    path = csv(tmp_path, "c,x,y\na,1,0\n,2,1\n")
    with pytest.raises(DataError, match=r"'c' of .* has no value in row 2"):
        Table(path, "y", categorical=["c"]).load()


def test_categories_train_and_scale_with_the_training_part(tmp_path):
    table = Table(csv(tmp_path, CITIES), "y", "binary", categorical=["city", "zip"])
    prepared = prepare(table.load(), table.task, "sigmoid", Split())
    assert prepared.features == 6
    assert prepared.categories == {"zip": ("007", "010", "7"), "city": ("Bern", "Rome")}


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
        ({"target": 1}, "Got 1, which is read as .*\"dataset.target='1'\""),
        ({"target": True}, "dataset.target='True'"),
        ({"target": "y", "ignore": ["y"]}, "once. Named twice: y"),
        ({"target": ["y", "y"], "task": "regression"}, "once. Named twice: y"),
        ({"target": "y", "ignore": ["c"], "categorical": ["c"]}, "once. Named twice: c"),
        ({"target": "y", "separator": "dot"}, "'separator' of Table must be one of comma, semico"),
        ({"target": "y", "separator": "a"}, "'separator' of Table"),
        (
            {"target": "y", "decimal": ";"},
            "'decimal' of Table must be one of point, comma. Got ';'",
        ),
        ({"target": "y", "comment": "//"}, "'comment' of Table must be one of none, hash, percent"),
        ({"target": "y", "separator": "|", "comment": "|"}, "'comment' of Table must be different"),
        ({"target": "y", "encoding": "utf-9"}, "'encoding' of Table must be .*Got 'utf-9'"),
        ({"target": "y", "encoding": "base64"}, "'encoding' of Table"),
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
