"""What launchers and sweepers say about themselves, and what all of them do."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import OmegaConf

from harness.errors import ConfigurationError
from harness.sweep.multirun import (
    check_job_folder,
    checks_all_jobs,
    launch_batch,
    lists_its_jobs,
    raise_errors,
    replaces_sweep,
    tunes,
)

BASIC = "hydra._internal.core_plugins.basic_"


def config(launcher=f"{BASIC}launcher.BasicLauncher", sweeper=f"{BASIC}sweeper.BasicSweeper"):
    return OmegaConf.create(
        {"hydra": {"launcher": {"_target_": launcher}, "sweeper": {"_target_": sweeper}}}
    )


@pytest.mark.parametrize("launcher", ["fused.Fused", "ray.Ray", "slurm.Slurm"])
def test_launchers_of_harness_check_all_jobs_and_hydras_does_not(launcher):
    assert checks_all_jobs(config(f"hydra_plugins.harness_launchers.{launcher}Launcher"))
    assert not checks_all_jobs(config())


@pytest.mark.parametrize(
    ("sweeper", "known", "tuning"),
    [
        (f"{BASIC}sweeper.BasicSweeper", True, False),
        ("hydra_plugins.harness_sweepers.grid.GridSweeper", True, False),
        ("hydra_plugins.harness_sweepers.points.PointsSweeper", False, False),
        ("hydra_plugins.harness_sweepers.study.OptunaSweeper", False, False),
        ("hydra_plugins.harness_sweepers.tuned.TunedSweeper", False, True),
    ],
)
def test_a_sweeper_says_whether_its_jobs_are_known_and_whether_it_tunes(sweeper, known, tuning):
    assert lists_its_jobs(config(sweeper=sweeper)) is known
    assert tunes(config(sweeper=sweeper)) is tuning


def test_a_batch_is_checked_before_it_is_launched_if_the_launcher_does_not_check_it():
    calls = []
    sweeper = SimpleNamespace(
        config=config(),
        launcher=SimpleNamespace(
            launch=lambda jobs, initial_job_idx: calls.append(("launch", jobs, initial_job_idx))
        ),
        validate_batch_is_legal=lambda jobs: calls.append(("check", jobs)),
    )
    launch_batch(sweeper, [["seed=1"]], 3)
    assert calls == [("check", [["seed=1"]]), ("launch", [["seed=1"]], 3)]
    sweeper.config = config("hydra_plugins.harness_launchers.fused.FusedLauncher")
    launch_batch(sweeper, [["seed=2"]], 4)
    assert calls[2:] == [("launch", [["seed=2"]], 4)]


def test_the_first_error_of_a_job_is_raised():
    done = JobReturn(status=JobStatus.COMPLETED, _return_value=1)
    broken = JobReturn(status=JobStatus.FAILED, _return_value=OSError("no memory"))
    raise_errors([done])
    with pytest.raises(OSError, match="no memory"):
        raise_errors([done, broken, done])


@pytest.mark.parametrize("subfolder", ["0", "optimizer=sgd/seed=0"])
def test_a_sweep_does_not_replace_the_runs_of_another(tmp_path, subfolder):
    def settings(continues):
        return OmegaConf.create(
            {"skip_finished": continues, "hydra": {"sweep": {"dir": str(tmp_path / "sweep")}}}
        )

    def job(sweep_folder, continues=False):
        run = SimpleNamespace(config=SimpleNamespace(skip_finished=continues))
        folder = tmp_path / "sweep" / subfolder
        return SimpleNamespace(folder=folder, sweep_folder=sweep_folder, run=run)

    folder = tmp_path / "sweep"
    assert not replaces_sweep(settings(continues=False))  # there is no such folder
    (folder / subfolder / ".hydra").mkdir(parents=True)
    (folder / "multirun.yaml").touch()
    assert not replaces_sweep(settings(continues=False))  # Hydra wrote them for this sweep
    check_job_folder(job(folder))
    (folder / subfolder / "configuration.json").touch()
    assert replaces_sweep(settings(continues=False))
    assert not replaces_sweep(settings(continues=True))
    with pytest.raises(ConfigurationError, match="holds the runs of another sweep"):
        check_job_folder(job(folder))
    check_job_folder(job(folder, continues=True))
    check_job_folder(job(None))  # a run by itself
