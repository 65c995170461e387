"""Reports of runs that came to nothing: every picture, table, document and LaTeX of them."""

from __future__ import annotations

import io
import warnings

import numpy as np
import pytest
from pandas import DataFrame

from harness.compare import caveats, outcomes
from harness.compare.assembling import compare_runs
from harness.compare.loaded_runs import LoadedRuns
from harness.compare.question import Question
from harness.compare.report import document, terminal
from harness.compare.report.verdict import question_sentence, verdict, verdicts
from harness.compare.report.writing import write_report
from harness.compare.source import Source
from harness.evaluation.metrics import metric_named

TASKS = ("digits", "moons")
EPOCHS = 3


@pytest.fixture
def compared(monkeypatch):
    """The comparison of rows of (contender, task, rate, seed, how it ended, score), without a store."""

    def go(rows, metric="accuracy", by=("optimizer",), target=None):
        columns = ["contender", "task", "rate", "seed", "status", "score", "phase"]
        table = DataFrame([(*row, "")[:7] for row in rows], columns=columns)
        table.index = [f"{number:032x}" for number in range(len(table))]
        diverged = table["status"] == "diverged"
        scores = table["score"].astype(float).where(~diverged)
        runs = DataFrame(
            {
                **{key: table[key] for key in ("contender", "task", "seed", "phase", "status")},
                "setting": "optimizer.lr=" + table["rate"].astype(str),
                "diverged": diverged,
                "validation": scores,
                "test": scores.where(table["status"] != "dropped") - 0.01,
                "loss": 1 - scores,
                "run": table["contender"],
            }
        )
        params = DataFrame(
            {
                "optimizer": table["contender"].str.partition(",")[0],
                "initializer": table["contender"].str.partition(", ")[2],
                "dataset": table["task"],
                "optimizer.lr": table["rate"].astype(str),
                "seed": table["seed"].astype(str),
            }
        )
        tags = DataFrame({"stack_size": "1", "workers": "1"}, index=table.index)

        def metric_history(uri, run_ids, name, step=None):
            points = [
                (run_id, epoch, _value(name, epoch, runs.loc[run_id]))
                for run_id in run_ids
                for epoch in range(1, EPOCHS + 1)
                if step is None or epoch == step
            ]
            history = DataFrame(points, columns=["run_id", "step", "value"])
            history = history.astype({"step": "int64", "value": "float64"})
            return history[np.isfinite(history["value"])]

        for module in (outcomes, caveats):
            monkeypatch.setattr(module.frames, "metric_history", metric_history)
        question = Question(tuple(by), metric_named(metric))
        source = Source("sqlite:///a.db", "harness")
        loaded = LoadedRuns(source, question, runs, params, tags, ("optimizer.lr",), (), {})
        return compare_runs(loaded, target, allow=("budgets",))

    return go


def _value(name, epoch, run):
    if name.startswith("validation/"):
        if run["status"] in ("diverged", "unseen"):
            return np.nan if epoch > 1 or run["status"] == "unseen" else 0.1
        return run["validation"] * epoch / EPOCHS
    return {"train/steps": 10.0, "train/samples": 320.0, "train/gradients": 10.0}.get(name, 0.1)


def runs_of(*contenders, tasks=TASKS[:1], rates=(0.1,), seeds=range(4)):
    """Rows of contenders, each given as (name, ending, score)."""
    return [
        (name, task, rate, seed, ending, score if score is None else score + 0.001 * seed)
        for name, ending, score in contenders
        for task in tasks
        for rate in rates
        for seed in seeds
    ]


GOOD, LOST = ("adam", "finished", 0.9), ("sgd", "diverged", None)

FRAMES = {
    "one contender diverged": runs_of(GOOD, LOST),
    "one contender diverged on one of two tasks": runs_of(GOOD, tasks=TASKS)
    + runs_of(LOST)
    + runs_of(("sgd", "finished", 0.8), tasks=TASKS[1:]),
    "one task diverged": runs_of(GOOD, ("sgd", "finished", 0.8))
    + runs_of(("adam", "diverged", None), LOST, tasks=TASKS[1:]),
    "all diverged": runs_of(("adam", "diverged", None), LOST),
    "all diverged on two tasks": runs_of(("adam", "diverged", None), LOST, tasks=TASKS),
    "all diverged at several rates": runs_of(("adam", "diverged", None), LOST, rates=(0.1, 1, 2)),
    "all diverged on one seed": runs_of(("adam", "diverged", None), LOST, seeds=[0]),
    "one contender diverged in the first epoch": runs_of(GOOD)
    + [(*row[:4], "diverged", None) for row in runs_of(("sgd", "unseen", None))],
    "three contenders, two diverged": runs_of(GOOD, LOST, ("lion", "diverged", None), tasks=TASKS),
    "one seed": runs_of(GOOD, ("sgd", "finished", 0.8), seeds=[0]),
    "one seed, one diverged": runs_of(GOOD, LOST, seeds=[0]),
    "one run": runs_of(GOOD, seeds=[0]),
    "one diverged run": runs_of(LOST, seeds=[0]),
    "all dropped": runs_of(("adam", "dropped", 0.9), ("sgd", "dropped", 0.8), rates=(0.1, 1)),
    "one contender dropped": runs_of(GOOD, ("sgd", "dropped", 0.8)),
    "some runs dropped": runs_of(GOOD)
    + runs_of(("sgd", "finished", 0.95), seeds=[0, 1])
    + runs_of(("sgd", "dropped", 0.2), seeds=[2, 3]),
    "dropped and diverged": runs_of(("adam", "dropped", 0.9), LOST),
    "without scores": runs_of(("adam", "finished", np.nan), ("sgd", "finished", np.nan)),
    "one contender without scores": runs_of(GOOD, ("sgd", "finished", np.nan)),
    "all equal": [(*row[:5], 1.0) for row in runs_of(GOOD, ("sgd", "finished", 0.8), tasks=TASKS)],
    "all zero": [(*row[:5], 0.0) for row in runs_of(GOOD, ("sgd", "finished", 0.8))],
    "one huge": [*runs_of(GOOD), *[(*r[:5], -1e33) for r in runs_of(("sgd", "finished", 0.8))]],
    "one task each": runs_of(GOOD) + runs_of(("sgd", "finished", 0.8), tasks=TASKS[1:]),
    "seeds beyond 64 bits": runs_of(GOOD, LOST, seeds=[2**63, 2**64, 99999999999999999999]),
}


@pytest.fixture(params=FRAMES)
def rows(request):
    return FRAMES[request.param]


def _complete(comparison, folder):
    """Everything that shows a comparison, with every warning an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stream = io.StringIO()
        terminal.print_comparison(comparison, stream)
        paths = write_report(comparison, folder)  # with all pictures
    assert all(path.exists() for path in paths)
    text = document.encode(comparison)
    assert document.encode(document.decode(text)) == text
    assert question_sentence(comparison)
    return stream.getvalue(), (folder / "report.html").read_text(encoding="utf-8")


def test_everything_is_shown(rows, compared, tmp_path):
    comparison = compared(rows)
    terminal_text, page = _complete(comparison, tmp_path)
    for text in (terminal_text, page):
        assert "There are no runs to compare" not in text
        assert "-0.0000" not in text
    for sentence in verdicts(comparison).values():
        assert "nan" not in sentence


def test_of_a_loss_as_well(compared, tmp_path):
    _complete(compared(FRAMES["one contender diverged"], "loss"), tmp_path)


def test_two_factors_of_which_cells_diverged(compared, tmp_path):
    cells = [(f"{o}, {i}", o, i) for o in ("adam", "sgd") for i in ("he", "zeros", "glorot")]
    for lost in (lambda o, i: i == "zeros", lambda o, i: o == "sgd", lambda o, i: True):
        contenders = [
            (name, "diverged", None) if lost(o, i) else (name, "finished", 0.9)
            for name, o, i in cells
        ]
        comparison = compared(runs_of(*contenders), by=("optimizer", "initializer"))
        assert len(comparison.interaction) == 6
        _complete(comparison, tmp_path)


def test_a_tuning_whose_final_runs_all_diverged_says_so(compared, tmp_path):
    tuning = [(*row, "tuning") for row in runs_of(GOOD, ("sgd", "finished", 0.8), rates=(0.1, 1))]
    final = [
        (*row[:3], 10 + row[3], *row[4:], "final")
        for row in runs_of(("adam", "diverged", None), LOST)
    ]
    comparison = compared([*tuning, *final])
    _complete(comparison, tmp_path)
    assert verdict(comparison) == "No contender has a score on digits: every run diverged."


def test_of_dropped_runs_it_is_not_said_that_they_diverged(compared):
    comparison = compared(FRAMES["all dropped"])
    assert not any("diverged" in caveat for caveat in comparison.caveats)
    assert any(
        "every setting was dropped by successive halving from at least one seed" in caveat
        for caveat in comparison.caveats
    )
    assert verdict(comparison) == "No contender has a score on digits: of 8 runs 8 were dropped."


def test_who_lost_runs_to_halving_is_not_judged_by_the_others(compared):
    comparison = compared(FRAMES["some runs dropped"])
    assert verdict(comparison).startswith("adam has 0.8915 [")
    assert "sgd on digits: successive halving dropped 2 of 4 runs" in " ".join(comparison.caveats)


def test_seeds_of_any_size_are_paired_and_written_as_they_are(compared):
    comparison = compared(FRAMES["seeds beyond 64 bits"])
    assert comparison.paired
    assert comparison.pairs["test"].item() == "Wilcoxon signed-rank"
    assert set(comparison.outcomes["seed"]) == {2**63, 2**64, 99999999999999999999}
    assert set(document.decode(document.encode(comparison)).outcomes["seed"]) == set(
        comparison.outcomes["seed"]
    )


def test_who_is_ahead_and_the_test_are_of_one_mind(compared):
    """Over all pairs of runs A is better more often than not, from seed to seed B is, on 11 of 12."""
    b = [0.9 + 0.002 * seed for seed in range(12)]
    a = [0.93, *(score - 0.0005 for score in b[1:])]
    rows = [
        (name, "moons", 0.1, seed, "finished", score + 0.01)
        for name, scores in (("A", a), ("B", b))
        for seed, score in enumerate(scores)
    ]
    comparison = compared(rows)
    (pair,) = comparison.pairs.to_dict("records")
    assert pair["improvement"] > 0.5
    assert pair["direction"] == -1
    assert pair["p_holm"] < 0.05
    assert "beats" not in verdict(comparison)


def test_exactly_equal_contenders_are_level(compared):
    assert " are level on all tasks together: " in verdict(compared(FRAMES["all equal"]))
