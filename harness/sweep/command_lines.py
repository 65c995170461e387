"""The command lines a sweep names: the one that started it, and the one that completes it."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from harness.registry.blocking import blocked, flag_for
from harness.tracking.address import without_secrets

__all__ = ["completing", "program", "shown", "started_by"]

SKIP = "skip_finished="
URI = "tracking.uri="
TUNED = "hydra/sweeper=tuned"


def started_by() -> str:
    """The command of the sweep of this process as it was typed, quoted for a shell.

    It names the plugins that are blocked, also those of the environment, which another shell lacks.
    """
    harness = ["harness", *flag_for(blocked())]
    given = [argument for argument in sys.argv[1:] if argument not in ("-m", "--multirun")]
    if TUNED in given and not any(word.startswith("-") for word in given):
        return shlex.join([*harness, "tune", *(word for word in shown(given) if word != TUNED)])
    return shlex.join([*harness, "train", "-m", *shown(given)])


def shown(overrides: Iterable[str]) -> list[str]:
    """Overrides as they may be kept: without the user name and password of the store.

    >>> shown(["seed=1", "tracking.uri=postgresql://ada:secret@db/lab"])
    ['seed=1', 'tracking.uri=postgresql://db/lab']
    """
    return [
        f"{URI}{without_secrets(override.removeprefix(URI))}"
        if override.startswith(URI)
        else override
        for override in overrides
    ]


def completing(command: str) -> str:
    """The command that trains what a sweep has not finished: works when pasted.

    >>> completing("harness train -m seed=0,1 'network.hidden=[8]'").partition(" ")[2]
    "train -m seed=0,1 'network.hidden=[8]' skip_finished=true"
    """
    given = [word for word in shlex.split(command)[1:] if not word.startswith(SKIP)]
    return f"{program()} {shlex.join([*given, f'{SKIP}true'])}"


def program() -> str:
    """How this program is called here: `make demo`, for one, activates no environment."""
    beside = Path(sys.executable).with_name("harness")
    return "harness" if shutil.which("harness") else shlex.quote(os.path.relpath(beside))
