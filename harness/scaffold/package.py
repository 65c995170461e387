"""Writes the package of a new component.

Copier was chosen over cookiecutter because it writes into a given folder, leaves no replay file in the
home directory, and refuses templates that run code.
"""

from __future__ import annotations

import json
import os
import shlex
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import harness
from harness.errors import ConfigurationError, MissingDependencyError
from harness.registry.blocking import DISTRIBUTION
from harness.registry.registry import KINDS
from harness.scaffold.naming import PackageNames

__all__ = ["next_steps", "write_package"]

TEMPLATES = Path(__file__).parent / "templates"

OVERRIDES = {  # to train with a component, where KIND=NAME is not right or not enough
    "loss": "dataset=diabetes loss={name}",
    "auxiliary_loss": "objective.auxiliary.{name}=0.1",
}


def write_package(names: PackageNames, folder: Path) -> None:
    """Writes a complete package into a new folder.

    Args:
        names: Names of the package and its parts.
        folder: Folder to make, with its parents.

    Raises:
        ConfigurationError: The folder exists already or cannot be written.
        MissingDependencyError: Copier is not installed.
    """
    if folder.exists() or folder.is_symlink():
        raise ConfigurationError(
            f"{folder} exists already and is not overwritten. Remove it, or choose another folder: "
            "--into FOLDER"
        )
    copier = _copier()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        copier.run_copy(
            str(TEMPLATES),
            folder,
            data=_template_variables(names),
            settings=copier.Settings(),  # not those of the user, which may trust templates
            defaults=True,
            quiet=True,
            unsafe=False,
        )
    except OSError as error:
        raise ConfigurationError(
            f"{folder} cannot be written ({error.strerror}: {error.filename}). Choose another folder: "
            "--into FOLDER"
        ) from error


def next_steps(names: PackageNames, folder: Path) -> str:
    """The commands that install the package, check its component and train with it."""
    path = os.path.join(".", folder)  # without a dot, pip may take it for a distribution
    return "\n".join(
        [
            f"pip install -e {shlex.quote(f'{path}[dev]')}",
            f"harness check {names.component}",
            f"harness train {_override(names)}",
        ]
    )


def _override(names: PackageNames) -> str:
    return OVERRIDES.get(names.kind, f"{names.kind}={{name}}").format(name=names.component)


def _template_variables(names: PackageNames) -> dict[str, str]:
    words = names.kind.replace("_", " ")
    return {
        "kind": names.kind,
        "a_kind": f"{'an' if words[0] in 'aeiou' else 'a'} {words}",
        "hook": KINDS[names.kind],
        "component": names.component,
        "cls": names.cls,
        "distribution": names.distribution,
        "module": names.module,
        "override": _override(names),
        "version": ".".join(harness.__version__.split(".")[:2]),
        "source": _harness_source(),
    }


def _harness_source() -> str:
    """A requirement by which anyone can install this harness from its repository, or ""."""
    try:
        origin = json.loads(distribution(DISTRIBUTION).read_text("direct_url.json") or "{}")
    except PackageNotFoundError:
        return ""
    vcs = origin.get("vcs_info")
    if vcs is None or origin["url"].startswith("file:"):
        return ""
    return f"{DISTRIBUTION} @ {vcs['vcs']}+{origin['url']}@{vcs['commit_id']}"


def _copier() -> Any:
    try:
        import copier
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"harness new needs the library copier ({error}): pip install 'optimizer-harness[new]'"
        ) from error
    return copier
