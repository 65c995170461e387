"""A whole process, timed from outside: wall clock, its output, and on request its memory."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Peak", "Timed", "timed"]

INTERVAL = 0.1  # seconds between two looks at the memory


@dataclass
class Peak:
    """Largest resident sets in MiB; 0 where there is no /proc.

    Attributes:
        first: Of the process itself.
        total: Of it and all its descendants at the same time; shared pages count for each.
    """

    first: float = 0.0
    total: float = 0.0


@dataclass(frozen=True)
class Timed:
    """A process that has ended.

    Attributes:
        seconds: Time from its start to its end.
        output: Its standard output.
        peak: Its memory, if that was watched.
    """

    seconds: float
    output: str
    peak: Peak


def timed(command: list[str], folder: Path, memory: bool = False) -> Timed:
    """Runs a command in a folder. Raises RuntimeError with the end of its output if it fails."""
    folder.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {
        "MLFLOW_DISABLE_TELEMETRY": "true",  # no waiting for the network
        "PYTHONWARNINGS": "ignore",
    }
    peak, over = Peak(), threading.Event()
    with (folder / "stdout").open("w+") as out, (folder / "stderr").open("w+") as err:
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=err)
        watcher = threading.Thread(target=_watch, args=(process.pid, peak, over))
        if memory:
            watcher.start()
        try:
            status = process.wait()
        except BaseException:
            process.terminate()
            process.wait()
            raise
        finally:
            seconds = time.perf_counter() - began
            over.set()
            if memory:
                watcher.join()
        out.seek(0)
        err.seek(0)
        output, errors = out.read(), err.read()
    if status:
        raise RuntimeError(
            f"{' '.join(command)} ended with status {status}:\n{errors[-3000:] or output[-3000:]}"
        )
    return Timed(seconds, output, peak)


def _watch(pid: int, peak: Peak, over: threading.Event) -> None:
    while not over.wait(INTERVAL):
        try:
            peak.first = _size(pid, "VmHWM")  # the kernel's own high-water mark
            peak.total = max(peak.total, sum(_size(member, "VmRSS") for member in _family(pid)))
        except (OSError, LookupError):  # a process has just ended
            continue


def _size(pid: int, name: str) -> float:
    """A value of /proc/PID/status (Linux), in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1024
    raise LookupError(name)


def _family(pid: int) -> list[int]:
    """A process and its descendants."""
    family = [pid]
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text(encoding="utf-8").split():
            family += _family(int(child))
    return family
