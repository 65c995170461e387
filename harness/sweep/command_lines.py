"""The command lines that a sweep names: the one that started it, and the one that completes it."""

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

    It names the blocked plugins, those that the environment blocks included: another shell may not.
    """
    harness = ["harness", *flag_for(blocked())]
    arguments = [word for word in sys.argv[1:] if word not in ("-m", "--multirun")]
    # `harness tune` takes no flags of Hydra's
    if TUNED in arguments and not any(word.startswith("-") for word in arguments):
        return shlex.join([*harness, "tune", *(word for word in shown(arguments) if word != TUNED)])
    return shlex.join([*harness, "train", "-m", *shown(arguments)])


def shown(overrides: Iterable[str]) -> list[str]:
    """Overrides as they may be shown and stored: without the user name and password of the store.

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
    """The command that trains what a sweep has not finished, as it can be pasted into a shell.

    >>> completing("harness train -m seed=0,1 'network.hidden=[8]'").partition(" ")[2]
    "train -m seed=0,1 'network.hidden=[8]' skip_finished=true"
    """
    words = [word for word in shlex.split(command)[1:] if not word.startswith(SKIP)]
    return f"{program()} {shlex.join([*words, f'{SKIP}true'])}"


def program() -> str:
    """How a shell calls this program: by its path if no environment is activated (as by `make demo`)."""
    script = Path(sys.executable).with_name("harness")
    return "harness" if shutil.which("harness") else shlex.quote(os.path.relpath(script))
