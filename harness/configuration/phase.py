"""What a run is for in a tuning protocol: the value of its tag `phase`, and of `tracking.phase`.

Where ranges are extended, a contender is tuned again, in rounds: "tuning", "tuning-2", "tuning-3", …
Runs outside of a protocol have the empty text.
"""

from __future__ import annotations

import re
from enum import StrEnum

__all__ = ["Phase", "is_phase", "tuning_phase", "tuning_round"]

_TUNING = re.compile(r"tuning(?:-([1-9][0-9]*))?")


class Phase(StrEnum):
    """The phases of a tuning protocol. TUNING may have later rounds, see `tuning_phase`."""

    OUTSIDE = ""  # of any protocol
    TUNING = "tuning"  # settings are chosen by these runs
    FINAL = "final"  # the chosen settings, on fresh seeds
    UNTUNED = "untuned"  # the defaults, on the same seeds


def tuning_phase(number: int) -> str:
    """The phase of a round of tuning; the first is 1.

    >>> tuning_phase(1), tuning_phase(2)
    ('tuning', 'tuning-2')
    """
    return str(Phase.TUNING) if number == 1 else f"{Phase.TUNING}-{number}"


def tuning_round(phase: str) -> int | None:
    """The round of a phase of tuning, from 1; None for another phase.

    >>> tuning_round("tuning"), tuning_round("tuning-2"), tuning_round("final")
    (1, 2, None)
    """
    match = _TUNING.fullmatch(phase)
    return int(match[1] or 1) if match else None


def is_phase(text: str) -> bool:
    """Whether a text is a phase, so that runs can be tagged with it."""
    return text in set(Phase) or tuning_round(text) is not None
