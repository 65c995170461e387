"""450 short runs, logged to MLflow: harness beside what people use today, and beside JAX.

    python benchmarks/sweep.py [--rounds 3] [--share 90 | --full] [--linear] [--jax-python PATH]
    python benchmarks/sweep.py --quick

3 optimizers × 3 initializers × 5 learning rates × 10 seeds of digits 64-64-10 (ReLU, batch 32), 20
epochs each, no early stopping; every run leaves its params, its metrics of every epoch, its final
metrics and its files in a fresh MLflow store in SQLite. Whole processes are timed from outside;
contenders take turns, so that a drift of the machine's speed meets all alike, and medians of the rounds
are compared.

Slow contenders run an evenly spaced share of the 450 (all settings with fewer seeds) and a sweep of as
few runs as they train side by side; the line through the two points gives the time of 450. With --full
they run all. JAX (d) logs and writes nothing: it is the floor for our training alone, which is measured
without log and files as well, and without compiling on both sides.
--linear also runs ten times as many runs, and watches the memory (Linux).
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import statistics
import sys
import tempfile
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from sweep_baselines import inputs
from sweep_baselines.agreement import compare
from sweep_baselines.contender import (
    Contender,
    Floor,
    Trained,
    logging_contenders,
    train_alone,
)
from sweep_baselines.grid import FULL, Grid, harness_command
from sweep_baselines.process import timed
from sweep_baselines.store import Contents

OVERHEAD_BAR = 15.0  # milliseconds a job
LINEAR_BAR = 11.0  # how many times as long ten times the runs may take
BACKENDS = {
    "numpy": "harness_numpy",
    "torch": "torch",
    "jax": "harness_jax",
}  # the module that each needs
OTHERS = ["a", "a1", "b", "b1", "c", "d"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--share", type=int, default=90, help="runs of the slow contenders")
    parser.add_argument("--full", action="store_true", help="all runs for all contenders")
    parser.add_argument("--quick", action="store_true", help="a small version: one round, 90 runs")
    parser.add_argument("--linear", action="store_true", help="also ten times as many runs")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument(
        "--only", nargs="*", choices=OTHERS, default=OTHERS, help="contenders beside ours"
    )
    parser.add_argument("--jax-python", default=sys.executable, help="an interpreter with JAX")
    options = parser.parse_args()
    grid = replace(FULL, seeds=2) if options.quick else FULL
    rounds = 1 if options.quick else options.rounds
    share = grid if options.full else grid.share(27 if options.quick else options.share)
    cores = len(os.sched_getaffinity(0))

    with tempfile.TemporaryDirectory(prefix="sweep") as temporary:
        folder = Path(temporary)
        data = folder / "inputs.npz"
        inputs.write(data, grid, options.epochs)
        keys = {"ours", *options.only}
        everyone = logging_contenders(options.epochs, data, cores)
        contenders = [contender for contender in everyone if contender.key in keys]
        if absent := keys - {contender.key for contender in everyone} - {"d"}:
            say(f"Left out, since PyTorch or Hydra's joblib launcher is missing: {sorted(absent)}")
        floor = None
        if "d" in keys and Floor.available(options.jax_python):
            say("JAX: looking for its fastest stacks")
            floor = Floor.fastest(options.jax_python, data, grid, cores, folder / "jax")
        elif "d" in keys:
            say(f"{options.jax_python} has no JAX: row (d) is left out. Install it in any virtual")
            say("environment (pip install jax) and give that one's interpreter with --jax-python.")
        table = Table(grid, share, contenders, floor)
        for number in range(1, rounds + 1):
            say(f"round {number} of {rounds}")
            table.round(folder / "round", options.epochs)
            shutil.rmtree(folder / "round")
        print(f"{grid.runs} runs of {options.epochs} epochs, {cores} cores, {rounds} rounds")
        table.show()
        if options.linear:
            linear(grid, options.epochs, folder / "linear")


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


class Table:
    """Collects the figures, round by round, and shows them."""

    def __init__(
        self, grid: Grid, share: Grid, contenders: list[Contender], floor: Floor | None
    ) -> None:
        self.grid, self.share, self.contenders, self.floor = grid, share, contenders, floor
        self.seconds: dict[str, list[float]] = {c.key: [] for c in contenders}
        self.starts: dict[str, list[float]] = {c.key: [] for c in contenders}
        self.contents: dict[str, Contents] = {}
        self.training: list[float] = []  # ours
        self.trained: list[Trained] = []  # JAX
        backends = [name for name in BACKENDS if find_spec(BACKENDS[name])] if floor else []
        self.alone: dict[str, list[Trained]] = {name: [] for name in backends}

    def round(self, folder: Path, epochs: int) -> None:
        """One turn for each contender."""
        for contender in self.contenders:
            subfolder, grid = folder / contender.key, self._grid(contender)
            seconds, contents = contender.run(grid, subfolder / "all")
            self.seconds[contender.key].append(seconds)
            self.contents[contender.key] = contents
            if contender.key == "ours":
                self.training.append(contents.training)
            if grid.runs < self.grid.runs:
                self.starts[contender.key].append(contender.start(grid, subfolder / "start"))
            say(f"  {contender.title}: {grid.runs} runs in {seconds:.1f} s")
            shutil.rmtree(subfolder)
        if self.floor:
            self.trained.append(self.floor.run(epochs, folder / "d"))
            say(f"  (d) JAX: {self.trained[-1].training:.1f} s of training")
        for backend, trained in self.alone.items():
            trained.append(train_alone(backend, self.grid, epochs, folder / f"alone {backend}"))
            say(f"  harness, backend={backend}, alone: {trained[-1].training:.1f} s of training")

    def _grid(self, contender: Contender) -> Grid:
        return self.grid if contender.key == "ours" else self.share

    def _whole(self, contender: Contender, seconds: float) -> float:
        """Seconds of all runs of the grid, from the seconds of those that the contender has run."""
        runs = self._grid(contender).runs
        if runs == self.grid.runs:
            return seconds
        start = statistics.median(self.starts[contender.key])
        if seconds <= start:  # the machine was busy with other things
            return math.nan
        slope = (seconds - start) / (runs - contender.at_once)
        return start + slope * (self.grid.runs - contender.at_once)

    def show(self) -> None:
        self._show_times()
        self._show_ours()
        self._show_logged()
        self._show_agreement()

    def _show_times(self) -> None:
        ours = statistics.median(self.seconds["ours"])
        if self.share.runs < self.grid.runs and len(self.contenders) > 1:
            print(
                f"(a), (b), (c): from {self.share.runs} runs and their start, to {self.grid.runs}"
            )
        print(
            f"\n{'whole process':42}{'seconds':>9}{'min':>8}{'max':>8}{'runs/s':>9}"
            f"{'ours is':>10}{'bar':>6}"
        )
        for contender in self.contenders:
            values = [self._whole(contender, seconds) for seconds in self.seconds[contender.key]]
            median = self._whole(contender, statistics.median(self.seconds[contender.key]))
            line = f"{contender.title:42}{median:9.1f}{min(values):8.1f}{max(values):8.1f}"
            line += f"{self.grid.runs / median:9.2f}"
            if contender.key != "ours":
                line += f"{median / ours:8.1f} x"
            if contender.bar:
                line += f"{contender.bar:6.0f}  {verdict(median / ours >= contender.bar)}"
            print(line)

    def _show_ours(self) -> None:
        whole, training = map(statistics.median, (self.seconds["ours"], self.training))
        overhead = (whole - training) / self.grid.runs * 1000
        print("\nours: from the start of the first run to the end of the last, and what is beyond")
        print(f"{'training, last evaluations, files':42}{training:9.1f} s")
        print(
            f"{'overhead a job: all else, MLflow included':42}{overhead:9.1f} ms"
            f"   at most {OVERHEAD_BAR:.0f}  {verdict(overhead <= OVERHEAD_BAR)}"
        )
        if not self.trained or not self.floor:
            return
        print(
            f"\ntraining alone, nothing logged or written{'seconds':>10}{'compiling':>11}{'ours is':>10}"
        )
        floor = statistics.median(trained.training for trained in self.trained)
        title = f"(d) JAX, {self.floor.threads} at a time of {self.floor.chunk} runs"
        for name, rounds in {title: self.trained, **self.alone}.items():
            training = statistics.median(trained.training for trained in rounds)
            compiling = statistics.median(trained.compilation for trained in rounds)
            ours = rounds is not self.trained
            print(
                f"{f'harness, backend={name}' if ours else name:42}{training:9.1f}{compiling:11.1f}"
                + (f"{floor / training:8.2f} x   at least 1  {verdict(training <= floor)}" * ours)
            )

    def _show_logged(self) -> None:
        print("\nlogged a run (rows and files of each run; equal for all runs)")
        for contender in self.contenders:
            counts = self.contents[contender.key].a_run
            print(f"{contender.title:42}" + "".join(f"{n:6} {name}" for name, n in counts.items()))

    def _show_agreement(self) -> None:
        """Whether all contenders learn the same."""
        ours = self.contents["ours"].scores
        rivals = [
            (contender.title, self.contents[contender.key].scores, self.share)
            for contender in self.contenders
            if contender.key != "ours"
        ]
        if self.trained:
            rivals.append(("(d) JAX", self.trained[-1].scores, self.grid))
        if not rivals:
            return
        print(
            "\nof the last epoch, means by optimizer: theirs, ours for the same settings, and the"
        )
        print("difference that the spread of the seeds allows (4 standard errors)")
        for metric in ours:
            for title, scores, share in rivals:
                for row in compare(ours[metric], self.grid, scores[metric], share):
                    print(
                        f"{metric:21}{title.strip():38}{row.optimizer:11}{row.theirs:8.4f}"
                        f"{row.ours:8.4f}  ±{row.bound:.4f}  "
                        f"{alike(row.alike)}"
                    )
        if self.trained:
            off = abs(self.trained[-1].scores["train/loss"] / ours["train/loss"] - 1)
            medians = np.median(off, axis=(1, 2, 3))
            print(
                f"(d) has our weights and batches: run by run its loss is off by {medians} "
                f"(relative, median by optimizer)  {alike(medians.max() < 1e-3)}"
            )


def verdict(holds: bool) -> str:
    return "met" if holds else "NOT MET"


def alike(holds: bool) -> str:
    return "alike" if holds else "NOT ALIKE"


def linear(grid: Grid, epochs: int, folder: Path) -> None:
    """Times ten times the runs, between two sweeps of the usual size."""
    many = replace(grid, seeds=10 * grid.seeds)
    print(f"\n{'harness, fused launcher':24}{'seconds':>9}{'peak MiB: training':>22}{'all':>8}")
    seconds: dict[int, list[float]] = {grid.runs: [], many.runs: []}
    for number, size in enumerate((grid, many, grid)):
        subfolder = folder / str(number)
        process = timed(harness_command(size, epochs), subfolder, memory=True)
        seconds[size.runs].append(process.seconds)
        print(
            f"{size.runs:19} runs{process.seconds:9.1f}{process.peak.first:22.0f}"
            f"{process.peak.total:8.0f}",
            flush=True,
        )
        shutil.rmtree(subfolder)
    times = statistics.mean(seconds[many.runs]) / statistics.mean(seconds[grid.runs])
    print(
        f"ten times the runs take {times:.1f} times as long   at most {LINEAR_BAR:.0f}  "
        f"{verdict(times <= LINEAR_BAR)}"
    )


if __name__ == "__main__":
    main()
