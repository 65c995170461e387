"""What a worker makes of a text of jobs."""

from __future__ import annotations

import json

import pytest

from harness.sweep.launching.serialization import dumps
from harness.sweep.launching.worker import failure, train_stack
from harness.tracking.reading.logged_runs import search_runs

RUNS = {"kind": "run"}


@pytest.mark.slow
def test_a_worker_trains_and_logs_and_answers_with_the_results(registry, jobs_of, store_uri):
    jobs = jobs_of("seed=0", "seed=1", "seed=2 objective.auxiliary.hidden_l1=1e-6")
    answer = json.loads(train_stack(dumps(jobs, registry), workers=2))
    assert answer["error"] == ""
    results = [json.loads((job.folder / "result.json").read_text()) for job in jobs]
    assert answer["results"] == results
    assert [result["status"] for result in results] == ["finished"] * 3
    folders = sorted(run.tags["folder"] for run in search_runs(store_uri, "there", RUNS))
    assert folders == [str(job.folder) for job in jobs]
    assert "more than ten times hidden_l1" in answer["warnings"][0]


@pytest.mark.slow
def test_an_error_is_part_of_the_answer(registry, jobs_of, tmp_path):
    table = f"dataset=table dataset.path={tmp_path}/no.csv dataset.target=y"
    answer = json.loads(train_stack(dumps(jobs_of(table), registry)))
    assert "no.csv" in answer["error"]
    answer = json.loads(train_stack("{}"))
    assert answer["error"]
    assert "Traceback" in answer["details"]


def test_a_worker_elsewhere_does_not_make_a_sqlite_store_of_its_own(registry, jobs_of, store_uri):
    text = json.loads(dumps(jobs_of("seed=0"), registry))
    answer = json.loads(train_stack(json.dumps(text | {"host": "far-away"})))
    assert "far-away" in answer["error"]
    assert "postgresql://" in answer["error"]
    assert not search_runs(store_uri, "there", RUNS)


def test_a_failure_is_an_answer_without_results():
    answer = json.loads(failure("the disk is full"))
    assert (answer["error"], answer["results"]) == ("the disk is full", [])
