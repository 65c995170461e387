"""Virtual environments for tests of what is installed, and commands in them as real processes."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterable
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

__all__ = ["closure", "make_environment", "must", "needed", "pip", "run"]


def run(*command: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Runs a command that sees nothing of the Python it is started from."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PYTHON")
    }
    return subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def must(*command: object, cwd: Path | None = None) -> str:
    """The standard output of a command that has to succeed."""
    process = run(*command, cwd=cwd)
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


def pip(python: Path, *arguments: object) -> None:
    """Runs the pip of this environment on another one."""
    must(sys.executable, "-m", "pip", "--python", python, *arguments)


def needed(requires: Iterable[str], extra: str = "") -> list[Requirement]:
    """The requirements that apply here, with this extra."""
    requirements = [Requirement(text) for text in requires]
    return [r for r in requirements if not r.marker or r.marker.evaluate({"extra": extra})]


def closure(todo: list[Requirement]) -> dict[str, Distribution]:
    """All distributions that pip would install for these requirements, as installed here."""
    distributions: dict[tuple[str, str], Distribution] = {}
    while todo:
        requirement = todo.pop()
        for extra in ("", *requirement.extras):
            key = (canonicalize_name(requirement.name), extra)
            if key not in distributions:
                distributions[key] = distribution(requirement.name)
                todo += needed(distributions[key].requires or [], extra)
    return {name: library for (name, _), library in distributions.items()}


def make_environment(base: Path, requirements: list[Requirement]) -> tuple[Path, Path]:
    """Makes a virtual environment with these requirements.

    Its libraries are links to those of this environment, editable ones too; nothing is downloaded.

    Returns:
        Its Python, and its folder of packages.
    """
    libraries = base / "libraries"
    venv.create(base, symlinks=True)
    libraries.mkdir()
    for library in closure(requirements).values():
        for top in {file.parts[0] for file in library.files or []} - {"..", "__pycache__"}:
            if not (libraries / top).exists():  # several distributions may share a namespace
                (libraries / top).symlink_to(str(library.locate_file(top)))
    paths = sysconfig.get_paths("venv", {"base": str(base), "platbase": str(base)})
    site = Path(paths["purelib"])
    (site / "libraries.pth").write_text(f"import site; site.addsitedir({str(libraries)!r})\n")
    return Path(paths["scripts"], "python"), site
