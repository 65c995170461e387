"""`metrics.csv`: the metrics of a run in its own folder, one row an epoch.

It is written when the run is over, and only then does the journal name it: nobody reads half a file.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

__all__ = ["METRICS", "Columns", "read_metrics", "write_metrics"]

METRICS = "metrics.csv"

Columns = dict[str, np.ndarray]  # name of the column -> (epochs,) float64


def write_metrics(folder: Path, rows: Sequence[tuple[int, Mapping[str, float]]]) -> None:
    """Writes metrics.csv into a run's folder.

    Args:
        folder: Folder of a run that is over.
        rows: Number and values by metric of each epoch. The first epoch decides the columns; a metric
            that is missing later leaves its cell empty.

    Raises:
        ValueError: For a metric that the first epoch did not have.
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


def read_metrics(path: Path) -> Columns:
    """The columns of a metrics.csv; an empty cell is NaN."""
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = list(csv.reader(file)) or [[]]
    table = np.array([[float(cell) if cell else np.nan for cell in row] for row in rows])
    return dict(zip(header, table.reshape(-1, len(header)).T, strict=True))
