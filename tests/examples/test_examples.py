"""The examples as their users have them: installed, and on the command line."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

import harness
from harness.cli import main
from harness.registry.registry import load_registry

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(path.parent for path in ROOT.glob("examples/harness-*/pyproject.toml"))


def package(example):
    return example.name.replace("-", "_")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_a_whole_distribution(example, needs):
    project = tomllib.loads((example / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["name"] == example.name
    points = project["project"]["entry-points"]["harness.plugins"]
    assert list(points.values()) == [package(example)]
    assert (example / "README.md").read_text(encoding="utf-8").startswith(f"# {example.name}\n")
    assert list((example / "tests").glob("test_*.py"))
    needs(example.name)
    (plugin,) = [p for p in load_registry().plugins if p.distribution == example.name]
    assert plugin.error is None
    assert plugin.components


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_needs_nothing_of_harness_but_the_facade(example):
    for path in example.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                if node.module == "harness":
                    assert {alias.name for alias in node.names} <= set(harness.__all__), path
                elif node.module.startswith("harness"):
                    assert node.module.split(".")[0] == package(example), path
            elif isinstance(node, ast.Import):
                tops = {alias.name for alias in node.names if alias.name.startswith("harness")}
                assert tops <= {"harness", package(example)}, path


def train(folder, *words):
    """`harness train` in a process of its own. Returns what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "harness", "train", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
def test_a_backend_and_a_dataset_in_one_command(tmp_path, needs):
    needs("harness-curves", "harness-jax", "jax")

    output = train(
        tmp_path,
        "backend=jax",
        "optimizer=lion",
        "optimizer.lr=0.01",
        "dataset=curve",
        "dataset.shape=corner",
        "network.hidden=[8]",
        "training.max_epochs=30",
    )

    (result,) = tmp_path.glob("outputs/runs/**/result.json")
    assert json.loads(result.read_text(encoding="utf-8"))["metrics"]["test/r2"] > 0.5
    assert "libtpu" not in output


@pytest.mark.slow
def test_a_sweep_on_jax(tmp_path, needs):
    needs("harness-jax", "jax")

    train(
        tmp_path,
        "-m",
        "backend=jax",
        "backend.dtype=float64",
        "optimizer=lion,adam",
        "optimizer.lr=1e-3,1e-2",
        "seed=0,1",
        "dataset=iris",
        "training.max_epochs=5",
    )

    results = [
        json.loads(path.read_text(encoding="utf-8"))
        for path in tmp_path.glob("outputs/**/result.json")
        if "mlartifacts" not in path.parts
    ]
    assert [result["status"] for result in results] == ["finished"] * 8


def test_they_are_listed_with_their_distributions(capsys, needs):
    needs("harness-curves", "harness-jax")
    main(["plugins"])
    output = capsys.readouterr().out
    assert "harness-jax:jax" in output
    assert "harness-curves:curves" in output


def test_jax_is_named_where_it_is_missing(monkeypatch, needs):
    needs("harness-jax")
    from harness_jax import Jax

    monkeypatch.setattr("harness_jax.backend.find_spec", lambda _: None)
    with pytest.raises(harness.MissingDependencyError, match="pip install jax"):
        Jax().check()
    assert find_spec("harness_jax") is not None
