"""Which code computed a run: versions of the libraries and the git commit, as tags.

Nothing here names the machine or the person.
"""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["git_tags", "provenance", "version_tags"]

LIBRARIES = ("harness", "numpy", "mlflow", "torch")


def provenance(folder: Path) -> dict[str, str]:
    """All tags of provenance; folder: the working directory whose git commit counts."""
    return version_tags() | git_tags(folder)


def version_tags() -> dict[str, str]:
    """`version/python` and `version/LIBRARY` for each library that is installed; imports none."""
    tags = {"version/python": platform.python_version()}
    for library in LIBRARIES:
        try:
            tags[f"version/{library}"] = version(library)
        except PackageNotFoundError:
            continue
    return tags


def git_tags(folder: Path) -> dict[str, str]:
    """`git/commit` and `git/dirty` ("true": tracked files changed); {} outside a repository."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return {}
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    # mlflow.source.git.commit is the one that MLflow's dashboard shows as the version of a run
    return {
        "git/commit": commit,
        "git/dirty": "true" if changes else "false",
        "mlflow.source.git.commit": commit,
    }


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
