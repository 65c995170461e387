"""What a person sees while runs train: a live line in a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Any, TextIO

from harness.records import Epoch, Result, Status

__all__ = ["Progress"]


class Progress:
    """Shows epochs and results on `stream` (standard error by default, so that output stays clean).

    On a terminal one line is redrawn several times a second; elsewhere a line is printed for each run
    that ends, and now and then for a single run's epochs.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty()
        self._total = 0
        self._done = 0
        self._began = 0.0
        self._drawn = 0.0
        self._warned: set[str] = set()

    def begin(self, total: int) -> None:
        """`total` runs are about to be trained."""
        self._total, self._done, self._began = total, 0, time.monotonic()

    def epoch(self, record: Epoch, names: list[str]) -> None:
        """An epoch of some runs is over."""
        now = time.monotonic()
        if self._live:
            if now - self._drawn > 0.1:
                self._drawn = now
                self._draw(self._status(record))
        elif self._total == 1 and (record.number == 1 or now - self._drawn > 5):
            self._drawn = now
            self._print(f"{names[0]}: {self._epoch_text(record)}")

    def ended(self, result: Result) -> None:
        """A run is over."""
        self._done += 1
        shown = {
            name: f"{result.metrics[name]:.4f}"
            for name in (
                "best/validation/accuracy",
                "best/validation/r2",
                "test/accuracy",
                "test/r2",
            )
            if name in result.metrics
        }
        numbers = ", ".join(
            f"{name.removeprefix('best/')} {value}" for name, value in shown.items()
        )
        what = result.error if result.status is Status.FAILED else numbers
        self._print(
            f"[{self._done}/{self._total}] {result.name}: {result.status} after {result.epochs} epochs"
            + (f", {what}" if what else "")
        )

    def warn(self, message: str) -> None:
        """Something the person should know, said once."""
        if message not in self._warned:
            self._warned.add(message)
            self._print(f"warning: {message}")

    def end(self) -> None:
        """All runs are over."""
        seconds = time.monotonic() - self._began
        self._print(f"{self._done} of {self._total} runs over in {seconds:.1f} s")

    def say(self, message: str) -> None:
        """A line of its own."""
        self._print(message)

    def _status(self, record: Epoch) -> str:
        seconds = time.monotonic() - self._began
        if self._total == 1:
            return self._epoch_text(record)
        return (
            f"{self._done} runs over, {len(record.runs)} in training, "
            f"{self._total - self._done - len(record.runs)} waiting; epoch {record.number}; "
            f"{self._done / seconds:.1f} runs/s; {seconds:.0f} s"
        )

    @staticmethod
    def _epoch_text(record: Epoch) -> str:
        shown: dict[str, Any] = {
            name: record.metrics[name][0]
            for name in ("train/loss", "validation/loss", "validation/accuracy", "validation/r2")
            if name in record.metrics
        }
        return f"epoch {record.number}: " + ", ".join(f"{n} {v:.4g}" for n, v in shown.items())

    def _draw(self, text: str) -> None:
        self._stream.write(f"\r\x1b[2K{text[:200]}")
        self._stream.flush()

    def _print(self, text: str) -> None:
        self._stream.write(f"\r\x1b[2K{text}\n" if self._live else f"{text}\n")
        self._stream.flush()
