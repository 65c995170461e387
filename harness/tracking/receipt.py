"""The receipt of a run, `mlflow.json` in its folder: where it was logged, and whether completely."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.tracking.atomic import write_atomically

__all__ = ["RECEIPT", "delete_receipt", "read_receipt", "write_receipt"]

RECEIPT = "mlflow.json"


def read_receipt(folder: Path) -> dict[str, Any]:
    """Where a run was logged: `store`, `run_id`, `complete`; {} if nowhere."""
    try:
        receipt = json.loads((folder / RECEIPT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return receipt if isinstance(receipt, dict) else {}


def write_receipt(folder: Path, store: str, run_id: str, *, complete: bool) -> None:
    """Notes where a run is logged: for people, and so that a replay does not log it twice.

    Args:
        folder: Folder of the run.
        store: Address of the store, without secrets.
        run_id: Id of the run in MLflow.
        complete: Whether the store has all of the run.
    """
    receipt = {"store": store, "run_id": run_id, "complete": complete}
    write_atomically(folder / RECEIPT, json.dumps(receipt).encode())


def delete_receipt(folder: Path) -> None:
    """Deletes the receipt, if there is one."""
    (folder / RECEIPT).unlink(missing_ok=True)
