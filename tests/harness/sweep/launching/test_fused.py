"""Jobs that train in this process."""

from __future__ import annotations

import pytest
from omegaconf import OmegaConf

from harness.sweep.launching import fused
from harness.tracking.reading.logged_runs import search_runs


def test_this_process_has_a_core():
    assert fused.cores() >= 1


@pytest.mark.slow
def test_every_job_has_its_return_however_the_runs_are_stacked(jobs_of, store_uri, monkeypatch):
    jobs = jobs_of("seed=0", "seed=1 optimizer=sgd", "seed=2")
    monkeypatch.setattr(fused, "jobs_to_launch", lambda *arguments: jobs)
    config = OmegaConf.create({"hydra": {"job": {"name": "harness"}}})
    together, apart = (
        fused.launch_fused(None, config, [], 0, workers=workers, stack_size=size)
        for workers, size in ((1, None), (2, 1))
    )
    assert [list(job.overrides) for job in jobs] == [done.overrides for done in together]
    metrics = [[done.return_value.metrics for done in returns] for returns in (together, apart)]
    assert metrics[0] == metrics[1]
    assert len(search_runs(store_uri, "there", {"kind": "run"})) == 6
