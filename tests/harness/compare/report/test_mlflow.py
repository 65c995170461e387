"""MLflow's dashboard shows what a comparison has found, on the sweep's own run."""

from __future__ import annotations

from browser import MARKS, dashboard_page, keep
from harness.cli import main
from harness.compare import compare
from harness.compare.report.verdict import verdict, verdicts

pytestmark = MARKS


def test_the_sweeps_own_page_shows_the_verdict_and_the_report(grid, tmp_path, monkeypatch):
    # The sweep's artifacts are where the store was made, so it is not copied
    monkeypatch.chdir(tmp_path)
    assert main(["compare", f"tracking.uri={grid}", "--output", "the report"]) == 0
    comparison = compare(uri=grid)
    (experiment, run_id), iqm = run_of_sweep(grid), f"{iqm_of(comparison, 'adam', 'iris'):.4f}"
    with dashboard_page(grid) as (page, port):
        page.goto(f"http://127.0.0.1:{port}/#/experiments/{experiment}/runs/{run_id}")
        for sentence in verdicts(comparison).values():
            page.get_by_text(sentence).first.wait_for()
        page.get_by_placeholder("Search metrics").fill("compare/adam/iris/test/accuracy/iqm")
        row = page.get_by_role("row", name="compare/adam/iris/test/accuracy/iqm").first
        assert iqm in row.inner_text()
        keep(page, "comparison-overview")

        page.goto(f"http://127.0.0.1:{port}/#/experiments/{experiment}/runs/{run_id}/artifacts")
        page.get_by_text("the report", exact=True).first.click()
        page.get_by_text("report.html", exact=True).first.click()
        sentence = page.frame_locator("iframe").get_by_text(verdict(comparison).rstrip("."))
        sentence.first.wait_for()
        keep(page, "comparison-report")


def run_of_sweep(uri):
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("harness").experiment_id
    (run,) = client.search_runs([experiment], "tags.kind = 'sweep'")
    return experiment, run.info.run_id


def iqm_of(comparison, contender, task):
    rows = comparison.summary.query(
        f"contender == '{contender}' and task == '{task}' and part == 'test'"
    )
    return rows["iqm"].item()
