"""The command `harness compare`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from harness.compare.assembling import compare_runs
from harness.compare.fairness import INEQUALITIES
from harness.compare.loaded_runs import LoadedRuns, load_runs
from harness.compare.report import mlflow, terminal
from harness.compare.report.writing import write_report
from harness.compare.source import Source
from harness.configuration.arguments import tracking_settings
from harness.errors import ConfigurationError
from harness.evaluation.metrics import METRICS
from harness.sweep.command_lines import program

__all__ = ["compare_command"]

FOLDER = Path("outputs/comparisons")

EXAMPLES = """\
examples:
  harness compare                                     the newest sweep, by what varies in it
  harness compare 2026-11-25/13-19-26-782783 --by optimizer,initializer
  harness compare --all --filter "tags.dataset = 'digits'" --by optimizer --metric loss
  harness compare --target 0.95 --allow budgets tracking.uri=http://localhost:5000
"""


class _Parser(argparse.ArgumentParser):
    """A parser that raises ConfigurationError, as all other commands do."""

    def error(self, message: str) -> NoReturn:
        raise ConfigurationError(f"{message}. `harness compare --help` shows what there is.")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="harness compare",
        description="Which contender is better, how sure that is, and at what cost of tuning.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "words",
        nargs="*",
        metavar="SWEEP|KEY=VALUE",
        help="sweeps by name or folder (default: the newest one), and overrides such as tracking.uri=…",
    )
    parser.add_argument("--all", action="store_true", help="all runs of the experiment")
    parser.add_argument("--filter", default="", metavar="CONDITION", help="MLflow's own filter")
    parser.add_argument(
        "--by", default="", metavar="KEYS", help="the factors, as in optimizer,initializer"
    )
    parser.add_argument("--tasks", default="dataset", metavar="KEYS", help="what makes a task")
    parser.add_argument(
        "--metric", help=f"{', '.join(METRICS)}, …; default: what the task is judged by"
    )
    parser.add_argument(
        "--target",
        metavar="SCORE",
        help="score to be reached: a number, or one a task as in digits=0.95,moons=0.99; "
        "default: what half of the runs reach",
    )
    parser.add_argument(
        "--allow", default="", metavar="WHAT", help=f"compare in spite of: {','.join(INEQUALITIES)}"
    )
    parser.add_argument(
        "--output", type=Path, metavar="FOLDER", help=f"of the report; default: {FOLDER}/SWEEP"
    )
    parser.add_argument("--pdf", action="store_true", help="the pictures as PDF too, for a paper")
    parser.add_argument("--json", action="store_true", help="print the comparison for programs")
    parser.add_argument("--no-log", action="store_true", help="write nothing back to MLflow")
    return parser


def compare_command(rest: Sequence[str]) -> int:
    """Compares runs, prints the comparison and writes a report. Returns the exit status."""
    options = _parser().parse_args(list(rest))
    # The path of a sweep's folder may have an equals sign; no override begins with a slash
    overrides = [word for word in options.words if "=" in word and not Path(word).is_absolute()]
    for word in overrides:
        if not word.startswith("tracking."):
            raise ConfigurationError(
                f"{word!r} would change nothing here: only tracking.… says where runs are. To compare "
                f"some of them, use --filter \"tags.{word.partition('=')[0]} = '…'\"."
            )
    sweeps = tuple(word for word in options.words if word not in overrides)
    tracking = tracking_settings(overrides)
    source = Source(tracking.uri, tracking.experiment, sweeps, options.all, options.filter)
    loaded = load_runs(source, _keys(options.by), _keys(options.tasks), options.metric)
    comparison = compare_runs(loaded, _target(options.target), _keys(options.allow))
    folder = options.output or FOLDER / _folder_name(loaded)
    try:
        paths = write_report(comparison, folder, pdf=options.pdf)
    except OSError as error:
        raise ConfigurationError(
            f"The report cannot be written to {folder}: {error.strerror}. Give another folder: --output"
        ) from error
    if options.json:
        print((folder / "comparison.json").read_text(encoding="utf-8"))
    else:
        terminal.print_comparison(comparison, sys.stdout)
        print(f"The report: {paths[0]}")
    if not options.no_log:
        run_id = mlflow.log_comparison(comparison, source.uri, loaded.sweeps, folder)
        if not options.json:
            print(f"In MLflow: run {run_id}, artifacts {folder.name}/   ({program()} ui)")
    return 0


def _folder_name(loaded: LoadedRuns) -> str:
    if len(loaded.sweeps) == 1:
        return loaded.sweeps[0].tags["sweep"].replace("/", "_")
    from datetime import datetime

    return f"{datetime.now():%Y-%m-%d_%H-%M-%S}"


def _keys(text: str) -> tuple[str, ...]:
    return tuple(key.strip() for key in text.split(",") if key.strip())


def _target(text: str | None) -> float | dict[str, float] | None:
    """0.95, or digits=0.95,moons=0.99."""
    if text is None:
        return None
    try:
        if "=" not in text:
            return float(text)
        pairs = (part.rpartition("=") for part in text.split(","))
        return {task.strip(): float(number) for task, _, number in pairs}
    except ValueError:
        raise ConfigurationError(
            f"--target takes a number, or one a task as in digits=0.95,moons=0.99. Got {text!r}."
        ) from None
