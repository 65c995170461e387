"""Processes of sweeps, seen in Linux's /proc."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path


def is_running(process: int) -> bool:
    """Whether a process runs. One that has ended stays in /proc until its parent waits for it."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def wait_for_a_worker(folder: Path, process: subprocess.Popen[str]) -> int:
    """The process id of a Ray worker of the sweep in a folder, once it has trained some epochs."""
    while process.poll() is None:
        for journal in folder.glob("outputs/sweeps/*/*/*/journal.jsonl"):
            if journal.stat().st_size > 20_000:
                for worker in Path("/proc").glob("[0-9]*"):
                    try:
                        title = (worker / "cmdline").read_bytes()
                        if (
                            title.startswith(b"ray::train_stack")
                            and (worker / "cwd").resolve() == folder
                        ):
                            return int(worker.name)
                    except OSError:  # it is over
                        continue
        time.sleep(0.01)
    raise AssertionError(process.communicate())
