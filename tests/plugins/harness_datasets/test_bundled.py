from __future__ import annotations

import importlib.util
import subprocess
import sys

import numpy as np
import pytest
from sklearn import datasets

from harness import Data, MissingDependencyError
from harness_datasets import bundled, harness_datasets

NAMES = ("digits", "iris", "wine", "breast_cancer", "diabetes")


def sklearns(name: str):
    options = {"scaled": False} if name == "diabetes" else {}
    return getattr(datasets, f"load_{name}")(**options)


def assert_same(data: Data, expected) -> None:
    np.testing.assert_array_equal(data.features, expected.data)
    np.testing.assert_array_equal(data.targets, expected.target)
    assert data.features.dtype == np.float64
    assert data.features.flags.c_contiguous
    assert data.feature_names == tuple(expected.feature_names)
    assert data.classes == tuple(str(name) for name in expected.get("target_names", ()))


@pytest.mark.parametrize("name", NAMES)
def test_the_data_are_scikit_learns_to_the_bit(name):
    assert_same(harness_datasets()[name]().load(), sklearns(name))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("damage", ["missing", "other shape", "no package"])
def test_scikit_learn_loads_them_where_its_folder_is_not_as_expected(
    name, damage, monkeypatch, tmp_path
):
    expected = sklearns(name)
    folder = tmp_path / "datasets" / "data"
    folder.mkdir(parents=True)
    if damage == "other shape":
        for file in ("iris.csv", "wine_data.csv", "breast_cancer.csv"):
            (folder / file).write_text("header\n1,2,3\n")
        (folder / "diabetes_data_raw.csv.gz").write_bytes(b"not gzip")
    spec = importlib.util.spec_from_file_location("sklearn", tmp_path / "__init__.py")
    package = None if damage == "no package" else spec
    monkeypatch.setattr(bundled, "find_spec", lambda name: package)
    assert bundled._table("iris.csv", (150, 5), skiprows=1) is None
    assert_same(harness_datasets()[name]().load(), expected)


def test_without_scikit_learn_a_person_is_told(monkeypatch):
    monkeypatch.setattr(bundled, "find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(MissingDependencyError, match="pip install scikit-learn"):
        bundled.Wine().load()


def test_nothing_heavy_is_imported():
    program = (
        "import sys; from harness_datasets import harness_datasets\n"
        f"for name in {NAMES}: harness_datasets()[name]().load()\n"
        "print([m for m in ('sklearn', 'scipy', 'pandas', 'urllib.request') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
