from __future__ import annotations

import csv
import io
import json
import os
import re
import statistics

import pytest

from harness.sweep import summary


def result(number, optimizer, seed, status="finished", score=None, extra=()):
    metrics = {}
    if score is not None:
        metrics = {"best/validation/accuracy": score, "test/accuracy": score - 0.1}
    return {
        "name": f"run {number}",
        "folder": f"/sweep/{number}",
        "overrides": [f"optimizer={optimizer}", f"seed={seed}", "dataset=iris", *extra],
        "names": {"optimizer": optimizer},
        "status": status,
        "metrics": metrics,
    }


RESULTS = [
    result(0, "sgd", 0, score=0.8),
    result(1, "sgd", 1, score=0.9),
    result(2, "adam", 0, score=0.7),
    result(3, "adam", 1, status="diverged"),
    result(4, "nesterov", 0, status="failed"),
]


def test_rows_are_settings_and_seeds_are_repetitions():
    sgd, adam, nesterov = summary.rows(RESULTS)
    assert summary.varied(RESULTS) == ["optimizer"]
    assert sgd.setting == {"optimizer": "sgd"}
    assert sgd.validation == pytest.approx((0.85, statistics.stdev([0.8, 0.9])))
    assert sgd.test == pytest.approx((0.75, statistics.stdev([0.7, 0.8])))
    assert (adam.runs, adam.diverged, adam.validation) == (
        2,
        1,
        (0.7, None),
    )  # one value has no spread
    assert (nesterov.failed, nesterov.validation) == (1, None)


def test_totals_count_how_runs_ended():
    skipped = {**result(5, "sgd", 2, status="stopped_early"), "skipped": True}
    totals = summary.totals([*RESULTS, skipped], jobs=8)
    assert {name: count for name, count in totals.items() if count} == {
        "runs": 8,
        "finished": 3,
        "stopped_early": 1,
        "diverged": 1,
        "failed": 1,
        "missing": 2,
        "skipped": 1,
    }
    assert summary.sentence(totals) == (
        "8 runs, 1 of them trained before: 3 finished, 1 stopped early, 1 diverged, 1 failed, 2 missing"
    )
    assert summary.sentence(summary.totals(RESULTS[:2])) == "2 runs: 2 finished"


def test_elsewhere_than_on_a_terminal_the_table_is_tab_separated():
    stream = io.StringIO()
    summary.show(summary.rows(RESULTS), stream)
    lines = [line.split("\t") for line in stream.getvalue().splitlines()]
    scores = ["validation accuracy", "test accuracy"]
    assert lines[0] == ["optimizer", "runs", *scores, "diverged", "failed"]
    assert lines[1] == ["sgd", "2", "0.8500 ± 0.0707", "0.7500 ± 0.0707", "0", "0"]
    assert lines[2] == ["adam", "2", "0.7000", "0.6000", "1", "0"]
    assert lines[3] == ["nesterov", "1", "-", "-", "0", "1"]


def test_dropped_runs_are_counted_where_there_are_any():
    stream = io.StringIO()
    results = [result(0, "sgd", 0, score=0.8), result(1, "sgd", 1, status="dropped", score=0.6)]
    summary.show(summary.rows(results), stream)
    header, row = (line.split("\t") for line in stream.getvalue().splitlines())
    assert header[-2:] == ["diverged", "dropped"]
    assert row[-2:] == ["0", "1"]
    assert row[1] == "-"  # the other run had its time because of its score


def test_a_score_that_is_not_finite_is_none():
    """R² of a single row is NaN, and of a network that overflows on a row, minus infinity."""
    scores = (float("nan"), float("-inf"), 0.5)
    (row,) = summary.rows([result(n, "sgd", n, score=score) for n, score in enumerate(scores)])
    assert (row.runs, row.validation) == (3, (0.5, None))
    (row,) = summary.rows([result(0, "sgd", 0, score=float("nan"))])
    assert row.validation is None


def judged_by(metric, number, dataset, score=None, **options):
    status = "finished" if score is not None else "diverged"
    row = result(number, "sgd", number, status=status)
    metrics = {f"best/validation/{metric}": score, f"test/{metric}": score} if score else {}
    return {**row, "overrides": [f"dataset={dataset}"], "metrics": metrics, **options}


def test_tasks_of_two_metrics_have_columns_of_their_own(tmp_path):
    results = [
        judged_by("accuracy", 0, "digits", 0.9),
        judged_by("r2", 1, "diabetes", 0.3337),
        judged_by("r2", 2, "diabetes"),
    ]
    stream = io.StringIO()
    summary.show(summary.rows(results), stream)
    header, digits, diabetes = (line.split("\t") for line in stream.getvalue().splitlines())
    names = [f"{part} {metric}" for metric in ("accuracy", "r2") for part in ("validation", "test")]
    assert header == ["dataset", "runs", *names, "diverged"]
    assert digits == ["digits", "1", "0.9000", "0.9000", "-", "-", "0"]
    assert diabetes == ["diabetes", "2", "-", "-", "0.3337", "0.3337", "1"]
    summary.write_csv(summary.rows(results), tmp_path / "table.csv")
    with (tmp_path / "table.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows[1]["validation_accuracy_mean"] == ""
    assert rows[1]["validation_r2_mean"] == "0.3337"


def test_a_regression_of_which_every_run_diverged_has_no_accuracy(tmp_path):
    (tmp_path / "metrics.csv").write_text("epoch,train/loss,validation/r2\n1,nan,nan\n")
    told = judged_by("r2", 0, "diabetes", job=str(tmp_path))
    untold = judged_by("r2", 0, "diabetes", job=str(tmp_path / "gone"))
    for row, name in ((told, "validation r2"), (untold, "validation score")):
        stream = io.StringIO()
        summary.show(summary.rows([row]), stream)
        assert name in stream.getvalue().splitlines()[0].split("\t")
        assert "accuracy" not in stream.getvalue()


def test_a_mean_that_rounds_to_zero_has_no_sign():
    stream = io.StringIO()
    summary.show(summary.rows([judged_by("r2", 0, "diabetes", -0.00001)]), stream)
    assert "-0.0000" not in stream.getvalue()


def test_on_a_terminal_a_usual_table_fits_into_80_columns(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("COLUMNS", "80")
    results = [
        result(i, o, s, score=0.9, extra=(f"initializer={init}",))
        for i, (o, init, s) in enumerate(
            (o, init, s)
            for o in ("averaged_momentum", "adam")
            for init in ("glorot_uniform", "zeros")
            for s in (0, 1)
        )
    ]
    stream = Terminal()
    summary.show(summary.rows(results), stream)
    shown = re.sub(r"\x1b\[\d+m", "", stream.getvalue())  # without the bold face
    assert "averaged_momentum" in shown
    assert "glorot_uniform" in shown
    assert "0.9000 ± 0.0000" in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_a_wide_table_loses_nothing_on_a_narrow_terminal(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("COLUMNS", "40")
    results = [
        result(s, "averaged_momentum", s, score=0.9, extra=(f"a=1.234567{s}",)) for s in (0, 1)
    ]
    stream = Terminal()
    summary.show(summary.rows(results), stream)
    assert "…" not in stream.getvalue()
    assert "1.2345671" in stream.getvalue()


def test_csv_has_full_precision(tmp_path):
    summary.write_csv(summary.rows(RESULTS), tmp_path / "table.csv")
    with (tmp_path / "table.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert float(rows[0]["validation_std"]) == statistics.stdev([0.8, 0.9])
    assert rows[2]["validation_mean"] == ""


def test_results_are_read_in_the_order_of_the_jobs(tmp_path):
    for number in (10, 2, 1):
        folder = tmp_path / str(number)
        folder.mkdir()
        content = {**result(number, "sgd", number), "folder": str(folder)}
        (folder / "result.json").write_text(json.dumps(content))
    assert [r["name"] for r in summary.read_results(tmp_path)] == ["run 1", "run 2", "run 10"]


def test_a_result_from_an_earlier_sweep_has_its_place_among_the_others(tmp_path):
    """Its folder is the earlier one; its number in this sweep is another."""
    for number, folder in ((0, "/other/7"), (1, str(tmp_path / "1"))):
        (tmp_path / str(number)).mkdir()
        content = {**result(number, "sgd", number), "folder": folder}
        (tmp_path / str(number) / "result.json").write_text(json.dumps(content))
    results = summary.read_results(tmp_path)
    assert [r["name"] for r in results] == ["run 0", "run 1"]
    assert [r["job"] for r in results] == [str(tmp_path / "0"), str(tmp_path / "1")]


def test_results_of_an_earlier_sweep_in_the_same_folder_do_not_count(tmp_path):
    for number, age in ((0, 100.0), (1, 0.0)):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = folder / "result.json"
        path.write_text(json.dumps({**result(number, "sgd", number), "folder": str(folder)}))
        os.utime(path, (1e9 - age, 1e9 - age))
    assert [r["name"] for r in summary.read_results(tmp_path, since=1e9 - 1)] == ["run 1"]


def test_a_tuning_protocol_is_shown_without_the_runs_that_settings_were_chosen_by(tmp_path):
    phases = ("tuning", "tuning", "tuning-2", "final", "final", "untuned")
    results = [
        {**result(n, "sgd", n, score=0.5 + n / 10, extra=(f"optimizer.lr=0.{n // 2}",)), "phase": p}
        for n, p in enumerate(phases)
    ]
    shown = summary.rows(summary.without_tuning(results))
    assert [(row.setting["phase"], row.runs) for row in shown] == [
        ("final", 1),
        ("final", 1),
        ("untuned", 1),
    ]
    assert shown[0].validation == (pytest.approx(0.8), None)
    summary.write_csv(summary.rows(results), tmp_path / "table.csv")
    with (tmp_path / "table.csv").open() as file:
        counts = [(row["phase"], row["runs"]) for row in csv.DictReader(file)]
    assert counts[:2] == [("tuning", "2"), ("tuning-2", "1")]
    assert summary.without_tuning(RESULTS) == RESULTS
    assert "phase" not in summary.rows(RESULTS)[0].setting
