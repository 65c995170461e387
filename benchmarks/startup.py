"""How long a user waits for `harness --help`, and for the first epoch after `harness train`.

    python benchmarks/startup.py [--rounds 5]

Whole processes, on an existing store. The line of the first epoch is printed after 34 steps and a
validation, so the first step is earlier.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time

TRAIN = [
    sys.executable,
    "-m",
    "harness",
    "train",
    "training.max_epochs=2",
    "tracking.log_model=false",
]


def until(command, marker, folder):
    """Seconds until a line with the marker is printed, and until the process has ended by itself."""
    start = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder
    )
    seconds = None
    for line in process.stdout:
        if seconds is None and marker in line:
            seconds = time.perf_counter() - start
    assert process.wait() == 0
    assert seconds is not None, f"{command} never printed {marker!r}"
    return seconds, time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        until(TRAIN, "epoch 1:", folder)  # creates the store
        helps, firsts, wholes = [], [], []
        for _ in range(rounds):
            helps.append(until([sys.executable, "-m", "harness", "--help"], "usage", folder)[1])
            first, whole = until(TRAIN, "epoch 1:", folder)
            firsts.append(first)
            wholes.append(whole)
    for name, values in (
        ("harness --help", helps),
        ("harness train: first epoch done", firsts),
        ("harness train: all written to MLflow", wholes),
    ):
        spread = f"{min(values):.2f} to {max(values):.2f}"
        print(f"{name:40}{statistics.median(values):8.2f} s  (of {rounds}: {spread})")


if __name__ == "__main__":
    main()
