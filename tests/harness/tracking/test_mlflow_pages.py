"""MLflow's own dashboard in a real browser: the runs of a sweep and their curves, by optimizer."""

import math
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from statistics import fmean
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest

from browser import MARKS, TIMEOUT, dashboard_page, keep
from harness.tracking.address import resolve_uri, sqlite_path
from harness.tracking.dashboard import runs_page
from harness.tracking.events import MetricsLogged, RunEnded, RunStarted
from harness.tracking.tracker import Tracker

pytestmark = MARKS


def check_dashboard(uri: str, sweep: str, expected_runs: int, metric: str = "train/loss") -> None:
    """Checks that the dashboard of a store shows a sweep: all its runs, and their curves by optimizer.

    Args:
        uri: A resolved SQLite store.
        sweep: The tag `sweep` of the runs.
        expected_runs: How many there are.
        metric: Its chart must show the values of each run, and the mean of each optimizer when grouped.
    """
    runs = _runs_of(uri, sweep, metric)
    assert len(runs) == expected_runs
    search = quote(f"tags.sweep = '{sweep}' and tags.kind = 'run'")
    with dashboard_page(uri) as (page, port):
        page.goto(f"{runs_page('127.0.0.1', port, runs[0].experiment)}&searchFilter={search}")
        page.get_by_text(f"{expected_runs} matching runs").wait_for()
        assert _listed(page, expected_runs) == {run.name for run in runs}
        page.locator("[data-testid='experiment-view-runs-visibility-column-header']").click()
        page.get_by_role("menuitemradio", name="Show all runs").click()
        page.get_by_placeholder("Search metric charts").fill(metric)
        _check_curves(page, metric, {run.id: run.values for run in runs})
        keep(page, f"{sweep}-runs")

        page.get_by_role("button", name="Group by").click()
        page.get_by_role("menuitemcheckbox", name="optimizer", exact=True).first.click()
        page.keyboard.press("Escape")
        groups: dict[str, list[dict[int, float]]] = {}
        for run in runs:
            groups.setdefault(run.optimizer, []).append(run.values)
        for optimizer, values in groups.items():
            row = page.locator(".ag-row", has_text=f"Group: {optimizer}").first
            row.wait_for()
            assert row.inner_text().split()[-1] == str(len(values))
        _check_curves(page, metric, {f"tag.optimizer.{o}": _mean(v) for o, v in groups.items()})
        keep(page, f"{sweep}-by-optimizer")


class StoredRun(NamedTuple):
    """A run as the store has it.

    Attributes:
        id: MLflow's run id.
        experiment: Its id.
        name: Of the run.
        optimizer: The tag.
        values: Of the metric, by step.
    """

    id: str
    experiment: str
    name: str
    optimizer: str
    values: dict[int, float]


def _runs_of(uri: str, sweep: str, metric: str) -> list[StoredRun]:
    query = """
        SELECT runs.run_uuid, runs.experiment_id, runs.name, optimizer.value FROM runs
        JOIN tags sweep ON sweep.run_uuid = runs.run_uuid AND sweep.key = 'sweep'
        JOIN tags kind ON kind.run_uuid = runs.run_uuid AND kind.key = 'kind'
        JOIN tags optimizer ON optimizer.run_uuid = runs.run_uuid AND optimizer.key = 'optimizer'
        WHERE sweep.value = ? AND kind.value = 'run'
    """
    values = "SELECT step, value FROM metrics WHERE run_uuid = ? AND key = ? ORDER BY step"
    with closing(sqlite3.connect(sqlite_path(uri))) as connection:
        return [
            StoredRun(run, str(experiment), *rest, dict(connection.execute(values, (run, metric))))
            for run, experiment, *rest in connection.execute(query, (sweep,)).fetchall()
        ]


def _mean(runs: list[dict[int, float]]) -> dict[int, float]:
    steps = sorted({step for run in runs for step in run})
    return {step: fmean(run[step] for run in runs if step in run) for step in steps}


def _listed(page: Any, rows: int) -> set[str]:
    """The names of the runs in the table, which is scrolled: the page holds the rows in sight only."""
    names: set[str] = set()
    for y in range(0, 30 * rows, 400):
        page.evaluate("y => document.querySelector('.ag-body-viewport').scrollTo(0, y)", y)
        page.wait_for_timeout(300)
        names |= set(page.locator(".ag-row a").all_inner_texts())
    return names


CURVES = """metric => {
    const cards = [...document.querySelectorAll("[data-testid='experiment-view-compare-runs-card']")];
    const card = cards.find(card => card.innerText.split('\\n')[0].trim() === metric);
    if (!card) return null;
    card.scrollIntoView();
    const plot = card.querySelector('.js-plotly-plot');
    if (!plot) return null;
    const curves = {};
    for (const line of plot.data || [])
        if ((line.mode || '').startsWith('lines'))
            curves[line.uuid] = [[...line.x], [...line.y]];
    const drawn = [...plot.querySelectorAll('.scatterlayer path.js-line')]
        .filter(path => (path.getAttribute('d') || '').includes('L'));
    return {curves, drawn: drawn.length};
}"""


def _check_curves(page: Any, metric: str, expected: dict[str, dict[int, float]]) -> None:
    """Waits until the chart of a metric has drawn these lines, and no other."""
    deadline = time.monotonic() + TIMEOUT / 1000
    seen: Any = None
    while time.monotonic() < deadline:
        seen = page.evaluate(CURVES, metric)
        if seen and seen["curves"].keys() == expected.keys() and seen["drawn"] >= len(expected):
            break
        page.wait_for_timeout(300)
    else:
        pytest.fail(f"The chart of {metric} does not show {list(expected)}: {seen}")
    for name, values in expected.items():
        steps, heights = seen["curves"][name]
        assert [int(step) for step in steps] == list(values)
        assert heights == pytest.approx(list(values.values()), rel=1e-6)


def test_a_sweep_is_shown_with_its_curves_by_optimizer(uri, tmp_path):
    rates = {"adam": 3, "momentum": 5, "sgd": 9}
    with Tracker(uri, "test") as tracker:
        for optimizer, rate in rates.items():
            for seed in range(4):
                key = f"{optimizer} {seed}"
                tags = {"sweep": "s1", "kind": "run", "optimizer": optimizer, "initializer": "he"}
                tracker.start(
                    RunStarted(
                        key, str(tmp_path / key), "test", key, 1, tags, {"optimizer": optimizer}
                    )
                )
                for epoch in range(1, 13):
                    loss = math.exp(-epoch / rate) + seed / 20
                    values = {"train/loss": loss, "validation/accuracy": 1 - loss / 2}
                    tracker.log(MetricsLogged(key, epoch, 1000 * epoch, values))
                tracker.end(RunEnded(key, "finished", 13_000))
        tags = {"sweep": "s1", "kind": "sweep"}
        tracker.start(RunStarted("sweep", str(tmp_path / "sweep"), "test", "sweep s1", 1, tags))
        tracker.end(RunEnded("sweep", "finished", 13_000))
    check_dashboard(uri, "s1", expected_runs=12)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The main job by its command: the folder, and what it printed."""
    folder = tmp_path_factory.mktemp("demo")
    process = subprocess.run(
        [sys.executable, "-m", "harness", "train", "experiment=demo"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return folder, process.stdout


def test_the_demo_sweep_learns_as_the_course_says(demo):
    table = [line.split("\t") for line in demo[1].splitlines()[:10]]
    assert table[0][:3] == ["optimizer", "initializer", "runs"]
    assert len(table) == 1 + 9
    assert {row[2] for row in table[1:]} == {"3"}
    learned = {row[1]: float(row[4].split()[0]) for row in table[1:] if row[0] == "adam"}
    assert learned["zeros"] < 0.2  # zero weights do not learn
    assert learned["he_normal"] > 0.9


@pytest.mark.full  # `make test` shows a made-up sweep of fewer runs
def test_the_demo_sweep_is_shown(demo):
    """The dashboard that its last line speaks of."""
    (sweep,) = (demo[0] / "outputs" / "sweeps").glob("*/*")
    name = "/".join(sweep.parts[-2:])
    check_dashboard(resolve_uri("sqlite:///outputs/mlflow.db", demo[0]), name, expected_runs=27)
