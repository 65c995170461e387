"""The file `result.json` in a run's folder: how the run ended."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from harness.tracking.atomic import write_atomically
from harness.training.records import Result, Status

__all__ = ["RESULT", "read_result", "result_of", "write_result"]

RESULT = "result.json"


def write_result(folder: Path, values: Mapping[str, Any]) -> None:
    """Leaves the fields of a `Result` in a folder; `skipped` beside them marks one of an earlier run."""
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / RESULT, json.dumps(values, indent=1).encode())


def read_result(folder: Path) -> dict[str, Any]:
    """What `write_result` has left. Raises OSError or ValueError where it is not there or not whole."""
    values: dict[str, Any] = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    return values


def result_of(values: Mapping[str, Any]) -> Result:
    """The result with these fields. Raises KeyError, TypeError or ValueError where it is none."""
    names = {field.name for field in fields(Result)}
    known = {name: value for name, value in values.items() if name in names}
    known |= {"status": Status(values["status"]), "overrides": tuple(values["overrides"])}
    return Result(**known)
