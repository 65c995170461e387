"""A comparison as one JSON document, and back.

    {"format": "harness comparison 1",
     "question": {...}, "contenders": [...], "tasks": [...], "paired": ..., "findings": [...],
     "facts": {...},
     "frames": {NAME: {"columns": [{"name": ..., "type": ...}, ...], "rows": [[...], ...]}, ...}}

JSON has no NaN and no infinity. A NaN or a missing text is null; infinities are the strings "inf" and
"-inf". The type of a column says what its cells are: "number" (float), "integer", "boolean", "text", or
"mixed" where cells are of several kinds; in a column of text "inf" is text. `facts` has no types: a
float in it that is not finite is written in the same way and read back as null or text.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from harness.compare.comparison import Comparison
from harness.compare.question import Question
from harness.compare.report.csv_files import frames_of
from harness.evaluation.metrics import metric_named

if TYPE_CHECKING:
    from pandas import DataFrame, Series

__all__ = ["FORMAT", "decode", "encode"]

FORMAT = "harness comparison 1"
KINDS = {"b": "boolean", "i": "integer", "u": "integer", "f": "number"}  # by numpy's kind of dtype
DTYPES = {"boolean": "bool", "integer": "int64", "number": "float64", "mixed": "object"}


def encode(comparison: Comparison) -> str:
    """The document, with one line for each row of a frame, so that `diff` can compare two documents."""
    head = {
        "format": FORMAT,
        "question": _plain(_question(comparison.question)),
        "contenders": list(comparison.contenders),
        "tasks": list(comparison.tasks),
        "paired": bool(comparison.paired),
        "findings": list(comparison.caveats),
        "facts": _plain(comparison.provenance),
    }
    lines = [f"{_json(name)}: {_json(value)}" for name, value in head.items()]
    frames = [f"{_json(name)}: {_frame(frame)}" for name, frame in frames_of(comparison).items()]
    lines.append('"frames": {\n' + ",\n".join(frames) + "}")
    return "{" + ",\n".join(lines) + "}\n"


def decode(text: str) -> Comparison:
    """The comparison of a document.

    Raises ValueError if the text is no such document, or one of another format.
    """
    document = json.loads(text)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError(f'This is no document of the format "{FORMAT}".')
    question = document["question"]
    targets = {task: _number(value) for task, value in question["targets"].items()}
    return Comparison(
        question=Question(
            by=tuple(question["by"]),
            metric=metric_named(question["metric"]),
            tasks=tuple(question["tasks"]),
            targets=targets,
            requested=question["asked"],
        ),
        contenders=tuple(document["contenders"]),
        tasks=tuple(document["tasks"]),
        paired=document["paired"],
        caveats=tuple(document["findings"]),
        provenance=document["facts"],
        **{name: _to_frame(frame) for name, frame in document["frames"].items()},
    )


def _question(question: Question) -> dict[str, Any]:
    return {
        "by": question.by,
        "metric": question.metric.name,
        "maximize": question.maximize,
        "tasks": question.tasks,
        "targets": question.targets,
        "asked": question.requested,
    }


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _frame(frame: DataFrame) -> str:
    types = [_type(frame[name]) for name in frame]
    columns = [{"name": str(name), "type": kind} for name, kind in zip(frame, types, strict=True)]
    cells = [[_plain(cell) for cell in frame[name].tolist()] for name in frame]
    rows = [_json(row) for row in zip(*cells, strict=True)]
    body = "[\n" + ",\n".join(rows) + "]" if rows else "[]"
    return f'{{"columns": {_json(columns)}, "rows": {body}}}'


def _type(column: Series) -> str:
    kind = KINDS.get(getattr(column.dtype, "kind", ""))
    if kind:
        return kind
    return "text" if all(isinstance(cell, str) for cell in column.dropna()) else "mixed"


def _to_frame(stored: dict[str, Any]) -> DataFrame:
    from pandas import DataFrame, Series

    columns = {}
    for number, column in enumerate(stored["columns"]):
        cells = [row[number] for row in stored["rows"]]
        if column["type"] == "number":
            cells = [_number(cell) for cell in cells]
        columns[column["name"]] = Series(cells, dtype=DTYPES.get(column["type"], "str"))
    return DataFrame(columns)


def _plain(value: Any) -> Any:
    """The value as JSON holds it: Python's numbers for NumPy's, lists for tuples, text for infinity."""
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value if value is None or isinstance(value, str | bool | int | float) else str(value)


def _number(cell: Any) -> float:
    return math.nan if cell is None else float(cell)
