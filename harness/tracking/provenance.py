"""Which code computed a run: versions of the libraries and the git commit, as tags.

Nothing here names the machine or the person.
"""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from harness.registry.blocking import DISTRIBUTION

__all__ = ["git_tags", "provenance", "version_tags"]

LIBRARIES = {  # tag -> distribution
    "harness": DISTRIBUTION,
    "numpy": "numpy",
    "mlflow": "mlflow",
    "torch": "torch",
}


def provenance(folder: Path) -> dict[str, str]:
    """All tags of provenance, with the git commit of this folder."""
    return version_tags() | git_tags(folder)


def version_tags() -> dict[str, str]:
    """`version/python`, and `version/LIBRARY` for each installed library; imports none of them."""
    tags = {"version/python": platform.python_version()}
    for library, distribution in LIBRARIES.items():
        try:
            tags[f"version/{library}"] = version(distribution)
        except PackageNotFoundError:
            continue
    return tags


def git_tags(folder: Path) -> dict[str, str]:
    """`git/commit` and `git/dirty` ("true": tracked files changed); {} outside a repository."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return {}
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    # MLflow's dashboard shows mlflow.source.git.commit as the version of a run
    return {
        "git/commit": commit,
        "git/dirty": "true" if changes else "false",
        "mlflow.source.git.commit": commit,
    }


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        process = subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return process.stdout.strip() if process.returncode == 0 else None
