"""Writes the package of a new component.

Copier rather than cookiecutter: it writes into the folder that it is given, leaves no replay file in the
home directory, and refuses by itself a template that would run code.
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
from harness.registry.registry import KINDS
from harness.scaffold.naming import Names

__all__ = ["next_steps", "write"]

TEMPLATES = Path(__file__).parent / "templates"

OVERRIDES = {  # what else has to be chosen to train with a component, beside kind=name
    "loss": "dataset=diabetes loss={name}",
    "auxiliary_loss": "objective.auxiliary.{name}=0.1",
}


def write(names: Names, folder: Path) -> None:
    """Writes a complete package into a folder that is not there yet.

    Raises ConfigurationError for a folder that is there or cannot be written, and MissingDependencyError
    without copier.
    """
    if folder.exists() or folder.is_symlink():
        raise ConfigurationError(
            f"{folder} is there already, and nothing is written over. Remove it, or choose another "
            "folder: --into FOLDER"
        )
    copier = _copier()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        copier.run_copy(
            str(TEMPLATES),
            folder,
            data=_data(names),
            settings=copier.Settings(),  # none of the user's own: they may trust templates
            defaults=True,
            quiet=True,
            unsafe=False,
        )
    except OSError as error:
        raise ConfigurationError(
            f"{folder} cannot be written ({error.strerror}: {error.filename}). Choose another folder: "
            "--into FOLDER"
        ) from error


def next_steps(names: Names, folder: Path) -> str:
    """The commands that install, check and train."""
    place = os.path.join(".", folder)  # with a dot, lest pip take it for the name of a distribution
    return "\n".join(
        [
            f"pip install -e {shlex.quote(f'{place}[dev]')}",
            f"harness check {names.component}",
            f"harness train {_override(names)}",
        ]
    )


def _override(names: Names) -> str:
    return OVERRIDES.get(names.kind, f"{names.kind}={{name}}").format(name=names.component)


def _data(names: Names) -> dict[str, str]:
    """What the templates know."""
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
        "source": _source(),
    }


def _source() -> str:
    """What pip got harness from, if others can get it there: a commit of a repository, else ""."""
    try:
        direct = json.loads(distribution("harness").read_text("direct_url.json") or "{}")
    except PackageNotFoundError:
        return ""
    vcs = direct.get("vcs_info")
    if vcs is None or direct["url"].startswith("file:"):
        return ""
    return f"harness @ {vcs['vcs']}+{direct['url']}@{vcs['commit_id']}"


def _copier() -> Any:
    try:
        import copier
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"harness new needs the library copier ({error}): pip install 'harness[new]'"
        ) from error
    return copier
