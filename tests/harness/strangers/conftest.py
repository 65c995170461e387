"""Distributions of strangers: built by setuptools, installed by pip into a folder of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

BUILD = """
import os, sys
from setuptools.build_meta import build_wheel
_, wheels, *projects = sys.argv
for project in projects:
    os.chdir(project)
    build_wheel(wheels)
"""

PROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "{name}"
version = "{version}"
{more}

[project.entry-points."harness.plugins"]
{points}

[tool.setuptools]
py-modules = {modules}
"""

RULE = '''
from dataclasses import dataclass
from typing import ClassVar

import harness

harness_contract = 1


@dataclass(frozen=True)
class {cls}:
    """A step against the gradient."""

    lr: float = {lr}
    scope: ClassVar[harness.Scope] = harness.Scope.ELEMENT

    def init(self, theta):
        return {{}}

    def step(self, theta, gradient, state, *, lr, t):
        return theta - lr * gradient, state


@harness.hookimpl
def harness_optimizers():
    return {{"{name}": {cls}}}
'''


def rule(name: str, lr: float = 0.1) -> str:
    """The source of a plugin with one good optimizer."""
    return RULE.format(name=name, cls=name.title(), lr=lr)


@dataclass
class Distribution:
    """A distribution by somebody else. modules: source by module. points: modules by entry point."""

    name: str
    modules: dict[str, str]
    version: str = "1.0"
    more: str = ""
    points: dict[str, str] | None = None

    def write(self, folder: Path) -> None:
        """The files of its project."""
        folder.mkdir(parents=True)
        points = {name: name for name in self.modules} if self.points is None else self.points
        text = PROJECT.format(
            name=self.name,
            version=self.version,
            more=self.more,
            points="\n".join(f'{name} = "{value}"' for name, value in points.items()),
            modules=json.dumps(list(self.modules)),
        )
        (folder / "pyproject.toml").write_text(text)
        for name, source in self.modules.items():
            (folder / f"{name}.py").write_text(dedent(source))


@dataclass
class Site:
    """A folder with installed distributions, and `harness` among them."""

    site: Path
    folder: Path

    def harness(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """The command, in an empty folder."""
        environment = {
            k: v for k, v in os.environ.items() if not k.startswith(("HYDRA", "HARNESS"))
        }
        return subprocess.run(
            [sys.executable, "-m", "harness", *arguments],
            cwd=self.folder,
            env=environment | {"PYTHONPATH": str(self.site), **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    def plugins(self, *arguments: str, **variables: str) -> dict[str, dict[str, Any]]:
        """What `harness plugins --json` says of each plugin that is not harness' own."""
        done = self.harness(*arguments, "plugins", "--json", **variables)
        assert done.stdout, done.stderr
        listed = {plugin["name"]: plugin for plugin in json.loads(done.stdout)}
        return {
            name: plugin
            for name, plugin in listed.items()
            if not name.startswith("optimizer-harness:")
        }

    def configurations(self) -> list[dict[str, str]]:
        """The logged configuration of each run."""
        return [json.loads(path.read_text()) for path in self.files("configuration.json")]

    def results(self) -> list[dict[str, Any]]:
        """How each run ended, with its folder."""
        return [
            json.loads(path.read_text()) | {"at": path.parent} for path in self.files("result.json")
        ]

    def files(self, name: str) -> list[Path]:
        """The files of this name in the folders of runs, in order."""
        outputs = self.folder / "outputs"
        return sorted([*outputs.glob(f"runs/**/{name}"), *outputs.glob(f"sweeps/**/{name}")])


Install = Callable[..., Path]


@pytest.fixture(scope="package")
def install(tmp_path_factory) -> Install:
    """Builds distributions and installs them into a new folder."""

    def build_and_install(*distributions: Distribution) -> Path:
        base = tmp_path_factory.mktemp("strangers")
        for one in distributions:
            one.write(base / "projects" / one.name)
        projects = [str(base / "projects" / one.name) for one in distributions]
        wheels = base / "wheels"
        wheels.mkdir()
        _must([sys.executable, "-c", BUILD, str(wheels), *projects])
        built = sorted(map(str, wheels.glob("*.whl")))
        assert len(built) == len(distributions)
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
        target = ["--no-deps", "--no-index", "--no-compile", "--target", str(base / "site")]
        _must([*pip, *target, *built])
        return base / "site"

    return build_and_install


def _must(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
