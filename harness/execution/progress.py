"""What a person sees while runs train: a live line in a terminal, plain lines elsewhere."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Sequence
from typing import Any, TextIO

from harness.evaluation.metrics import PRIMARY
from harness.training.records import Epoch, Result, Status

__all__ = ["Progress", "counted"]

INTERVAL = 0.1  # seconds between two drawings of the live line, at least

SCORES = [f"{part}/{metric.name}" for part in ("best/validation", "test") for metric in PRIMARY]


class Progress:
    """Shows epochs and results.

    On a terminal one line is redrawn several times a second, and a run that fails gets a line that
    stays. Elsewhere a line is printed for each run that ends, and now and then for the epochs of a run
    by itself.

    Args:
        stream: Stream to write to; by default standard error, so that the output stays clean.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty()
        self._epochs: list[int] = []  # the most epochs of each run
        self._training = 0  # runs
        self._done = 0  # runs
        self._failed = 0  # runs
        self._left = 0  # epochs, at most
        self._began = 0.0
        self._drawn = 0.0
        self._warned: set[str] = set()

    def begin(self, epochs: Sequence[int]) -> None:
        """Runs are about to be trained.

        Args:
            epochs: The most epochs of each run.
        """
        self._epochs, self._left = list(epochs), sum(epochs)
        self._training = self._done = self._failed = 0
        self._began = time.monotonic()

    def started(self, runs: int) -> None:
        """That many more runs have begun."""
        self._training += runs

    def again(self, epochs: int) -> None:
        """A run begins anew after that many epochs, which are lost."""
        self._left += epochs

    def epoch(self, record: Epoch, name: str) -> None:
        """An epoch of some runs is over.

        Args:
            record: The epoch.
            name: Name of the first of the runs.
        """
        self._left -= len(record.runs)
        now = time.monotonic()
        if self._live:
            if len(self._epochs) > 1:
                self.refresh()
            elif now - self._drawn > INTERVAL:
                self._drawn = now
                self._draw(self._epoch_text(record))
        elif len(self._epochs) == 1 and (record.numbers[0] == 1 or now - self._drawn > 5):
            self._drawn = now
            self._print(f"{name}: {self._epoch_text(record)}")

    def refresh(self) -> None:
        """Redraws the line of a sweep, if it is time to; also while nothing is heard of its runs."""
        now = time.monotonic()
        if self._live and now - self._drawn > INTERVAL:
            self._drawn = now
            self._draw(self._status(now - self._began))

    def ended(self, result: Result, most: int) -> None:
        """A run is over, which could have had `most` epochs."""
        self._done += 1
        self._training -= 1
        self._failed += result.status is Status.FAILED
        self._left -= most - result.epochs
        scores = ", ".join(
            f"{name.removeprefix('best/')} {result.metrics[name]:z.4f}"
            for name in SCORES
            if name in result.metrics
        )
        outcome = result.error if result.status is Status.FAILED else scores
        if self._live and len(self._epochs) > 1 and result.status is not Status.FAILED:
            return  # the live line counts it
        self._print(
            f"[{self._done}/{len(self._epochs)}] {result.name}: {result.status} after "
            f"{counted(result.epochs, 'epoch')}" + (f", {outcome}" if outcome else "")
        )

    def warn(self, message: str) -> None:
        """Prints a warning, once."""
        if message not in self._warned:
            self._warned.add(message)
            self._print(f"warning: {message}")

    def end(self) -> None:
        """All runs are over."""
        seconds = time.monotonic() - self._began
        failed = f", {self._failed} failed" if self._failed else ""
        runs = counted(len(self._epochs), "run")
        self._print(f"{self._done} of {runs} over{failed} in {seconds:.1f} s")

    def say(self, message: str) -> None:
        """Prints a line."""
        self._print(message)

    def _status(self, seconds: float) -> str:
        total = len(self._epochs)
        passed = sum(self._epochs) - self._left
        failed = f" ({self._failed} failed)" if self._failed else ""
        rate = self._done / max(seconds, 1e-9)
        # At most, since runs may end before their time
        left = f"; at most {_duration(seconds * self._left / passed)} left" if passed else ""
        return (  # 79 characters for hundreds of runs
            f"{self._done} of {total} over{failed}, {self._training} in training, "
            f"{total - self._done - self._training} waiting; {rate:.1f} runs/s{left}"
        )

    @staticmethod
    def _epoch_text(record: Epoch) -> str:
        values: dict[str, Any] = {
            name: record.metrics[name][0]
            for name in (
                "train/loss",
                "validation/loss",
                *(f"validation/{m.name}" for m in PRIMARY),
            )
            if name in record.metrics
        }
        return f"epoch {record.numbers[0]}: " + ", ".join(f"{n} {v:.4g}" for n, v in values.items())

    def _draw(self, text: str) -> None:
        width = shutil.get_terminal_size().columns
        self._stream.write(f"\r\x1b[2K{text[: width - 1]}")  # a longer line could not be erased
        self._stream.flush()

    def _print(self, text: str) -> None:
        self._stream.write(f"\r\x1b[2K{text}\n" if self._live else f"{text}\n")
        self._stream.flush()


def counted(number: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "run"), counted(2, "run")
    ('1 run', '2 runs')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _duration(seconds: float) -> str:
    """Seconds in the unit that fits.

    >>> _duration(7.2), _duration(75), _duration(7300)
    ('7 s', '1:15 min', '2:01 h')
    """
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds // 60:.0f}:{seconds % 60:02.0f} min"
    return f"{seconds // 3600:.0f}:{seconds % 3600 // 60:02.0f} h"
