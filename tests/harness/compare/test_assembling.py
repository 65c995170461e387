"""What `harness tune` leaves is compared by its own rules: fresh seeds alone count."""

from __future__ import annotations

from harness.compare import compare


def test_contenders_are_those_that_were_tuned_and_their_defaults(tuned):
    comparison = compare(uri=tuned[0])
    assert comparison.question.by == ("optimizer", "network.hidden")
    names = {f"{o}, network.hidden=[{n}]" for o in ("sgd", "adam") for n in (4, 8)}
    assert set(comparison.contenders) == names | {f"{name} (untuned)" for name in names}


def test_only_fresh_seeds_count(tuned):
    comparison = compare(uri=tuned[0])
    assert set(comparison.outcomes["seed"]) == {2, 3, 4, 5, 6}
    assert set(comparison.trials["seed"]) == {0, 1}
    assert set(comparison.outcomes["chosen"]) == {"tuned on other seeds", "the defaults"}
    assert comparison.outcomes.groupby("contender").size().tolist() == [5] * 8
    assert comparison.trials.groupby("contender").size().tolist() == [8] * 4
    assert not any("chosen by the same runs" in caveat for caveat in comparison.caveats)
    assert set(comparison.budget["k"]) == {1, 2, 3, 4}


def test_runs_of_the_tuning_have_never_seen_the_test_part(tuned):
    from mlflow import MlflowClient

    client = MlflowClient(tuned[0])
    experiment = client.get_experiment_by_name("harness").experiment_id
    runs = client.search_runs([experiment], "tags.phase = 'tuning'")
    assert len(runs) == 32
    assert not any(name.startswith("test/") for run in runs for name in run.data.metrics)


def test_the_report_is_there_without_another_command(tuned):
    (report,) = (tuned[1] / "outputs" / "comparisons").glob("*/report.html")
    assert "(untuned)" in report.read_text(encoding="utf-8")
