"""One writer process for the jobs of a single run, or for all jobs of a sweep in this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from harness.configuration.settings import Tracking
from harness.execution.progress import Progress
from harness.tracking.events import RunStarted
from harness.tracking.tracker import Tracker

__all__ = ["close_sweeps", "open_sweep", "session"]


class _Trackers:
    """Writer processes that stay open over all jobs of a sweep in this process."""

    def __init__(self, sweep: RunStarted) -> None:
        self._sweep = sweep
        self._exit = ExitStack()
        self._open: dict[tuple[str, str], Tracker] = {}

    def get(self, tracking: Tracking) -> Tracker:
        key = (tracking.uri, tracking.experiment)
        if key not in self._open:
            tracker = self._exit.enter_context(Tracker(*key))
            if not self._open:
                tracker.start(self._sweep)
            self._open[key] = tracker
        return self._open[key]

    def close(self) -> None:
        self._exit.close()


_sweep_trackers: list[_Trackers] = []  # one while a sweep runs in this process, else none


def open_sweep(sweep: RunStarted) -> None:
    """Makes jobs in this process share the writer process from now on.

    Args:
        sweep: The start of the sweep's own run. It is logged with the first session, which launchers
            open once the jobs are checked: a sweep that is refused leaves nothing.
    """
    _sweep_trackers.append(_Trackers(sweep))


def close_sweeps() -> None:
    """Waits until everything is written, also after a sweep that was interrupted or failed."""
    while _sweep_trackers:
        _sweep_trackers.pop().close()


@contextmanager
def session(tracking: Tracking) -> Iterator[tuple[Tracker, Progress]]:
    """What jobs need to run. On leaving, everything is written to MLflow; in a sweep, at its end."""
    progress = Progress()
    if _sweep_trackers:
        yield _sweep_trackers[-1].get(tracking), progress
    else:
        with Tracker(tracking.uri, tracking.experiment) as tracker:
            yield tracker, progress
            progress.say(f"writing to MLflow at {tracking.uri}")
