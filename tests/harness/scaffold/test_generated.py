"""A package of each kind, as its author would use it: installed, checked, tested and trained with.

All are installed in one environment with harness, without PyTorch and copier.
"""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from environments import make_environment, must, pip, run
from harness.registry.registry import KINDS
from harness.scaffold.naming import PackageNames
from harness.scaffold.package import next_steps, write_package

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
NAMES = {kind: PackageNames(kind, f"my_{kind}") for kind in KINDS}


@pytest.fixture(scope="module")
def packages(tmp_path_factory) -> dict[str, Path]:
    """The folder of each package, by kind."""
    base = tmp_path_factory.mktemp("packages")
    folders = {kind: base / names.distribution for kind, names in NAMES.items()}
    for kind, folder in folders.items():
        write_package(NAMES[kind], folder)
    return folders


@pytest.fixture(scope="module")
def python(packages, tmp_path_factory) -> Path:
    """The Python of an environment in which all of them are installed."""
    requirements = [Requirement(name) for name in ("optimizer-harness", "pytest", "setuptools")]
    python, _ = make_environment(tmp_path_factory.mktemp("venv"), requirements)
    folders = [word for folder in packages.values() for word in ("-e", folder)]
    offline = ("--quiet", "--no-deps", "--no-index", "--no-build-isolation")
    pip(python, "install", *offline, *folders)
    return python


def test_they_are_in_the_catalogue_side_by_side(python, tmp_path):
    listed = json.loads(must(python, "-m", "harness", "plugins", "--json", cwd=tmp_path))
    plugins = {plugin["distribution"]: plugin for plugin in listed}
    for kind, names in NAMES.items():
        plugin: dict[str, Any] = plugins[names.distribution]
        assert (plugin["loaded"], plugin["module"]) == (True, names.module)
        assert list(plugin["components"]) == [kind]
        assert list(plugin["components"][kind]) == [names.component]


def test_they_meet_every_requirement(python, tmp_path):
    components = [names.component for names in NAMES.values()]
    done = run(python, "-m", "harness", "check", *components, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in done.stderr
    outcomes = [line.split("\t")[:2] for line in done.stdout.splitlines()]
    for kind, names in NAMES.items():
        label = f"{kind}={names.component}"
        assert outcomes.count(["passed", label]) > 10
        assert outcomes.count(["failed", label]) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_their_own_tests_pass(python, packages, kind):
    out = must(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=packages[kind])
    assert "passed" in out


def printed(kind: str) -> list[str]:
    """The overrides in the training command that `harness new` prints."""
    command, train, *words = shlex.split(next_steps(NAMES[kind], Path()).splitlines()[-1])
    assert (command, train) == ("harness", "train")
    return words


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    """A folder to train in, the same for all runs: a new store takes seconds."""
    return tmp_path_factory.mktemp("results")


# The commands of all kinds in one, which saves seconds; and the longest one by itself
@pytest.mark.parametrize("kinds", [sorted(KINDS, key="dataset".__eq__), ["loss"]], ids=len)
def test_the_commands_that_are_printed_train(python, results, kinds):
    words = {word.partition("=")[0]: word for kind in kinds for word in printed(kind)}
    quick = ("training.max_epochs=1", "tracking.log_model=false")
    done = run(python, "-m", "harness", "train", *words.values(), *quick, cwd=results)
    assert done.returncode == 0, done.stderr
    assert "finished after 1 epoch," in done.stderr + done.stdout
    assert "did not load" not in done.stderr
    assert [path.name for path in results.iterdir()] == ["outputs"]


@pytest.mark.parametrize("kind", KINDS)
def test_types_are_clean(packages, tmp_path_factory, monkeypatch, kind):
    cache = tmp_path_factory.getbasetemp() / "mypy"
    monkeypatch.setenv("MYPYPATH", f"{ROOT}:{ROOT / 'plugins'}")  # harness itself may be editable
    options = ("--strict", "--follow-imports=silent", "--config-file=", "--cache-dir", cache)
    folders = (packages[kind] / "src", packages[kind] / "tests")  # in full: the cache goes by them
    must(sys.executable, "-m", "mypy", *options, *folders)


def test_without_copier_the_command_says_what_to_install(python, tmp_path):
    done = run(python, "-m", "harness", "new", "optimizer", "my-rule", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        "harness: error: harness new needs the library copier (No module named 'copier'): "
        "pip install 'optimizer-harness[new]'\n"
    )
    assert not list(tmp_path.iterdir())
