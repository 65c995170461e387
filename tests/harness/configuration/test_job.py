from __future__ import annotations

from pathlib import Path

import pytest

from harness.configuration.job import Job, sweep_id


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        (["optimizer=sgd", "seed=1"], "optimizer=sgd seed=1"),
        (
            ["seed=1", "tracking.uri=postgresql://ada:secret@db/lab", "skip_finished=true"],
            "seed=1",
        ),
        (["experiment=demo", "training.test=false"], "digits adam"),
        ([], "digits adam"),
        (["seed=" + "1" * 300], "seed=" + "1" * 195),
    ],
)
def test_a_job_is_called_after_what_was_chosen_for_it(overrides, name, run_of, tmp_path):
    job = Job.named(run_of(), tmp_path, overrides, None)
    assert job.name == name
    assert "secret" not in " ".join(job.overrides)
    assert (job.sweep, job.sweep_folder) == (None, None)


def test_a_sweep_is_called_after_the_date_and_time_of_its_folder(run_of, tmp_path):
    folder = Path("outputs/sweeps/2026-11-25/13-19-26-782783")
    assert sweep_id(str(folder)) == "2026-11-25/13-19-26-782783"
    job = Job.named(run_of(), tmp_path, ["seed=1"], folder)
    assert (job.sweep, job.sweep_folder) == ("2026-11-25/13-19-26-782783", folder)
