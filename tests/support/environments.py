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
    """A command that sees nothing of the Python it is started from."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=own,
        capture_output=True,
        text=True,
        check=False,
    )


def must(*command: object, cwd: Path | None = None) -> str:
    """The standard output of a command that has to succeed."""
    done = run(*command, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def pip(python: Path, *arguments: object) -> None:
    """Runs the pip of this environment on another one."""
    must(sys.executable, "-m", "pip", "--python", python, *arguments)


def needed(requires: Iterable[str], extra: str = "") -> list[Requirement]:
    """The requirements that hold here, with this extra."""
    parsed = [Requirement(text) for text in requires]
    return [one for one in parsed if not one.marker or one.marker.evaluate({"extra": extra})]


def closure(todo: list[Requirement]) -> dict[str, Distribution]:
    """All distributions that pip would install for these requirements, as they are installed here."""
    found: dict[tuple[str, str], Distribution] = {}
    while todo:
        requirement = todo.pop()
        for extra in ("", *requirement.extras):
            key = (canonicalize_name(requirement.name), extra)
            if key not in found:
                found[key] = distribution(requirement.name)
                todo += needed(found[key].requires or [], extra)
    return {name: one for (name, _), one in found.items()}


def make_environment(base: Path, requirements: list[Requirement]) -> tuple[Path, Path]:
    """Makes a virtual environment with these requirements, and returns its Python and its packages.

    The libraries are links to those of this environment, editable ones too; nothing is downloaded.
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
