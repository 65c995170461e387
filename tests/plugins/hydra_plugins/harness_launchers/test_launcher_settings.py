"""The settings of launchers and sweepers: what a user sees is what the core checks."""

from __future__ import annotations

from dataclasses import asdict, fields
from types import SimpleNamespace

import pytest

from harness.errors import ConfigurationError
from harness.sweep.launching.on_ray import RaySettings
from harness.sweep.launching.on_slurm import SlurmSettings
from harness.sweep.searching.study import StudySettings
from harness.sweep.tuning.protocol import TuningSettings
from hydra_plugins.harness_launchers.fused import FusedLauncher, FusedLauncherConf
from hydra_plugins.harness_launchers.ray import RayLauncher, RayLauncherConf
from hydra_plugins.harness_launchers.slurm import SlurmLauncher, SlurmLauncherConf
from hydra_plugins.harness_sweepers.study import OptunaSweeperConf
from hydra_plugins.harness_sweepers.tuned import TunedSweeperConf

CONTEXT = {"hydra_context": None, "task_function": None, "config": SimpleNamespace()}


def settings(conf):
    return {k: v for k, v in asdict(conf()).items() if k not in ("_target_", "params")}


@pytest.mark.parametrize(
    ("conf", "core"),
    [
        (RayLauncherConf, RaySettings),
        (SlurmLauncherConf, SlurmSettings),
        (OptunaSweeperConf, StudySettings),
        (TunedSweeperConf, TuningSettings),
    ],
)
def test_the_core_knows_every_setting_and_its_default_is_valid(conf, core):
    assert set(settings(conf)) == {field.name for field in fields(core)}
    core(**settings(conf))


@pytest.mark.parametrize(
    ("launcher", "conf", "changed", "message"),
    [
        (FusedLauncher, FusedLauncherConf, {"workers": 0}, "workers must be 1 or more. Got 0."),
        (FusedLauncher, FusedLauncherConf, {"stack_size": 0}, "stack_size must be 1 or more. Got 0."),
        (RayLauncher, RayLauncherConf, {"stack_size": 0}, "stack_size must be 1 or more. Got 0."),
        (RayLauncher, RayLauncherConf, {"max_retries": -1}, "max_retries must be 0 or more. Got -1."),
        (RayLauncher, RayLauncherConf, {"num_cpus": float("nan")}, "num_cpus must be 0 or more."),
        (SlurmLauncher, SlurmLauncherConf, {"timeout_min": 0}, "timeout_min must be 1 or more."),
        (SlurmLauncher, SlurmLauncherConf, {"cluster": "slrm"}, "local, debug. Got 'slrm'."),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_are_refused_when_a_launcher_is_set_up(
    launcher, conf, changed, message
):
    launcher(**settings(conf)).setup(**CONTEXT)
    with pytest.raises(ConfigurationError, match=rf"hydra\.launcher\..*{message}"):
        launcher(**{**settings(conf), **changed}).setup(**CONTEXT)
