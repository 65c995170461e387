"""The metrics of a run in its own folder, one row an epoch, whatever becomes of the MLflow store.

The file is written when the run is over, and only then does its journal name it: until then nobody
reads it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["METRICS", "write_metrics"]

METRICS = "metrics.csv"


def write_metrics(folder: Path, rows: Sequence[tuple[int, Mapping[str, float]]]) -> None:
    """metrics.csv of a run that is over; until then its journal has them.

    rows: (epoch, values by metric). The first decides the columns; a metric that is missing later
    leaves its cell empty.
    """
    names = list(rows[0][1])
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["epoch", *names])
    for epoch, values in rows:
        if new := values.keys() - rows[0][1].keys():
            raise ValueError(f"Metrics that the first epoch did not have: {sorted(new)}")
        writer.writerow([epoch, *(float(values[n]) if n in values else "" for n in names)])
    (folder / METRICS).write_bytes(text.getvalue().encode())
