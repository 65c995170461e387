"""The table of optimizers of other libraries agrees with a run of each."""

from __future__ import annotations

import importlib.util
import re
from importlib.metadata import version
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")

from harness_torch import TorchOptim

ROOT = Path(__file__).parents[3]
SCRIPT, PAGE = ROOT / "benchmarks" / "bridged.py", ROOT / "docs" / "reference" / "libraries.md"

if not (SCRIPT.exists() and PAGE.exists()):
    pytest.skip("the repository is not here as a whole", allow_module_level=True)


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("bridged", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def data(script):
    return script.digits()


def table(bridge):
    """The rows of a library as their cells, by class; those of the version that is installed."""
    package = bridge.library.needs[-1]
    pytest.importorskip(package, reason=f"{package} is not installed")
    module, installed = bridge.library.module, version(package).partition("+")[0]
    (written, body) = re.search(
        rf"^## {re.escape(module)} (\S+)\n(.*?)(?=^## |\Z)", PAGE.read_text("utf-8"), re.M | re.S
    ).groups()
    if written != installed:
        pytest.skip(f"the table is of {package} {written}, and {installed} is installed")
    rows = [line.strip("| ").split("|") for line in body.splitlines() if line.startswith("| `")]
    cells = [[*(cell.strip() for cell in row), "", "", "", "", ""] for row in rows]
    return {row[0].strip("`"): row[:6] for row in cells}


@pytest.mark.parametrize("library", ["torch", "pytorch_optimizer"])
def test_every_class_is_in_it(script, library):
    bridge = script.BRIDGES[library]
    assert set(table(bridge)) == set(bridge.library.classes())


@pytest.mark.parametrize(
    ("library", "name"),
    [
        ("torch", "NAdam"),
        ("torch", "LBFGS"),
        ("torch", "Muon"),
        ("pytorch_optimizer", "Lion"),
        ("pytorch_optimizer", "SAM"),
        ("pytorch_optimizer", "Ranger21"),
    ],
)
def test_a_sample_comes_out_as_it_says(script, data, library, name):
    bridge = script.BRIDGES[library]
    verdict, reason = (table(bridge)[name][n] for n in (1, 5))
    actual = script.row(bridge, name, data)
    assert (actual[1], actual[5]) == (verdict, reason)


@pytest.mark.slow
@pytest.mark.parametrize("name", TorchOptim.library.classes())
def test_all_of_torch_come_out_as_it_says(script, data, name):
    actual = script.row(TorchOptim, name, data)
    assert (actual[1], actual[5]) == tuple(table(TorchOptim)[name][n] for n in (1, 5))
