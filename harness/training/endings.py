"""Who stops after an epoch, and as what."""

from __future__ import annotations

import numpy as np

from harness.training.records import Status

__all__ = ["endings"]


def endings(
    finite: np.ndarray, last: np.ndarray, stop: np.ndarray, dropped: np.ndarray
) -> list[Status | None]:
    """How each of R runs ends, or None where it goes on. Of several reasons the first one counts.

    Args:
        finite: Whether loss and parameters are finite, (R,) bool; a run that is not has diverged.
        last: Whether the run has done all its epochs, (R,) bool.
        stop: Whether early stopping ends it, (R,) bool.
        dropped: Whether successive halving gives its slot to another run, (R,) bool.
    """
    reasons = {
        Status.DIVERGED: (~finite).tolist(),
        Status.FINISHED: last.tolist(),
        Status.STOPPED_EARLY: stop.tolist(),
        Status.DROPPED: dropped.tolist(),
    }
    return [
        next((status for status, ended in reasons.items() if ended[row]), None)
        for row in range(len(finite))
    ]
