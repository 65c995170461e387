"""The fast way of composing jobs gives what Hydra gives, for many kinds of overrides."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import pytest
from hydra import initialize_config_module
from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import HydraContext, RunMode
from omegaconf import OmegaConf

from harness.application import register_hydra_plugins
from harness.errors import ConfigurationError
from harness.sweep.composition import Composer, compose_jobs

JOBS = [
    [],
    ["seed=3"],
    ["optimizer=sgd", "optimizer.lr=0.1", "seed=1"],
    ["optimizer.lr=1e-4", "optimizer=adamw", "optimizer.beta1=.5"],  # the value before its group
    ["optimizer.lr=1", "optimizer.lr=2"],  # the last one counts
    ["initializer=zeros", "bias_initializer=constant", "bias_initializer.value=0.01"],
    ["initializer=normal", "initializer.std=1_000"],
    ["network.hidden=[32,16]", "network.activation=tanh", "network.bias=false"],
    ["network.hidden=[]", "training.batch_size=full"],
    ["training.batch_size=64", "training.stopping.patience=null"],
    ["training={max_epochs: 3, stopping: {metric: accuracy}}"],
    ["training.stopping={patience: 4, restore: false}"],
    ["training.max_epochs=2", "training={max_epochs: 3}"],  # the last one counts here, too
    ["training={max_epochs: 3, stopping: {patience: 1}}", "seed=2", "training.max_epochs=2"],
    ["objective.auxiliary.z_loss=1e-3", "objective.weight_decay=0.5"],
    ["dataset=moons", "dataset.noise=0.3", "loss=sigmoid_cross_entropy", "split.seed=5"],
    ["dataset=diabetes", "loss=huber", "loss.delta=2"],
    ["experiment=initializers", "initializer=orthogonal", "seed=2"],
    ["experiment=optimizers", "training.max_epochs=2", "optimizer=nesterov"],
    ["experiment=rate_range", "optimizer=sgd", "optimizer.lr=1"],
    ["tracking.uri='sqlite:///a b.db'", 'tracking.experiment="später, \\"x\\": y"'],
    ["tracking.picture=true", "backend.dtype=float64", "schedule=cosine"],
    ["wrapper=none"],
    ["wrapper=ema", "seed=3"],
    ["experiment=demo", "wrapper=lookahead", "wrapper.lookahead.period=3", "optimizer=nesterov"],
    ["wrapper=[ema,clip_norm]", "optimizer=sgd", "optimizer.lr=0.1"],
    ["wrapper=[clip_norm,ema]", "wrapper.ema.decay=0.9", "wrapper.clip_norm.bound=2"],
    ["wrapper.ema.decay=0.9", "wrapper=ema"],  # the value before its group
    ["wrapper=sam", "wrapper=[ema]", "initializer=zeros"],  # the last one counts
    ["wrapper=[]", "optimizer=nesterov"],
    ["training.max_epochs=${seed}", "seed=4"],
    ["seed=6", "tracking.experiment=${hydra:job.num}"],
    pytest.param(
        [
            "backend=torch",
            "optimizer=torch",
            "optimizer.name=SGD",
            "optimizer.options.momentum=0.9",
        ],
        marks=pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed"),
    ),
]


@pytest.fixture
def sweep(registry, tmp_path):
    """A composed sweep: Hydra's context and the sweep's configuration, by its own overrides."""
    register_hydra_plugins()
    GlobalHydra.instance().clear()
    with initialize_config_module("harness.conf", version_base="1.3"):
        hydra = GlobalHydra.instance().hydra

        def compose(*overrides):
            config = hydra.config_loader.load_configuration(
                "config",
                ["hydra.mode=MULTIRUN", f"hydra.sweep.dir={tmp_path}/sweep", *overrides],
                run_mode=RunMode.MULTIRUN,
            )
            HydraConfig.instance().set_config(config)
            return HydraContext(hydra.config_loader, Callbacks()), config

        yield compose


def tree_of_hydra(context, config, overrides, number):
    """As Hydra's basic launcher composes a job."""
    return Composer(context, config)._tree_of_job(overrides, number)


def files(folder):
    return {
        name: OmegaConf.to_container(OmegaConf.load(folder / ".hydra" / name))
        for name in ("config.yaml", "hydra.yaml", "overrides.yaml")
    }


@pytest.mark.parametrize("overrides", JOBS, ids=" ".join)
def test_a_job_is_what_hydra_composes(sweep, overrides):
    context, config = sweep()
    fast = Composer(context, config)
    fast.job(["optimizer=sgd", "seed=9", "optimizer.lr=7"], 0)  # another one first
    job = fast.job(overrides, 12)
    fast.save(overrides, 12, job.folder)
    mine = files(job.folder)

    slow = Composer(context, config)
    slow._compose = lambda choices: NotLiteral()
    other = slow.job(overrides, 12)
    assert repr(job) == repr(other)
    assert job == other
    slow.save(overrides, 12, other.folder)
    assert mine == files(other.folder)


class NotLiteral:
    """Makes a composer leave a job to Hydra."""

    def is_literal(self, plain):
        return False


def test_the_fast_way_is_taken_and_hydra_composes_once(sweep, monkeypatch):
    context, config = sweep("hydra.sweep.subdir=${now:%Y}/${hydra.job.num}")
    composed = []
    load = context.config_loader.load_sweep_config
    monkeypatch.setattr(
        context.config_loader,
        "load_sweep_config",
        lambda config, overrides: composed.append(overrides) or load(config, overrides),
    )
    jobs = [
        [f"optimizer={name}", f"optimizer.lr={lr}", f"seed={seed}"]
        for name in ("sgd", "adam")
        for lr in (0.1, 0.2)
        for seed in range(3)
    ]
    assert "${now:" in str(OmegaConf.to_container(config.hydra.sweep)["subdir"])
    composed_jobs = compose_jobs(context, config, jobs, first=0)
    assert composed == [[]]
    assert [job.run.config.optimizer.lr for job in composed_jobs] == [0.1] * 3 + [0.2] * 3 + [
        0.1
    ] * 3 + [0.2] * 3
    assert [job.run.config.seed for job in composed_jobs] == [0, 1, 2] * 4


def test_wrappers_are_composed_once_for_each_choice_and_in_order(sweep, monkeypatch):
    context, config = sweep()
    composed = []
    load = context.config_loader.load_sweep_config
    monkeypatch.setattr(
        context.config_loader,
        "load_sweep_config",
        lambda config, overrides: composed.append(overrides) or load(config, overrides),
    )
    names = {"none": [], "ema": ["ema"], "[ema,clip_norm]": ["ema", "clip_norm"]}
    jobs = [
        [f"optimizer={name}", f"wrapper={wrapper}", f"seed={seed}", *value]
        for name in ("sgd", "adam")
        for wrapper in names
        for value in (["wrapper.ema.decay=0.9"], ["wrapper.ema.decay=0.99"])[: len(names[wrapper])]
        or [[]]
        for seed in (0, 1)
    ]
    composed_jobs = compose_jobs(context, config, jobs, first=0)
    assert composed == [[f"wrapper={wrapper}"] for wrapper in names]
    for overrides, job in zip(jobs, composed_jobs, strict=True):
        run = job.run
        assert overrides[0] == f"optimizer={run.names['optimizer']}"
        wrapper = overrides[1].removeprefix("wrapper=")
        assert list(run.config.wrapper) == names[wrapper]
        assert run.names["wrapper"] == ("+".join(names[wrapper]) or "none")
        if names[wrapper]:
            assert overrides[3] == f"wrapper.ema.decay={run.config.wrapper['ema'].decay}"


def test_a_component_that_a_file_of_the_user_changes_is_composed_by_hydra(sweep, tmp_path):
    folder = tmp_path / "own" / "optimizer"
    folder.mkdir(parents=True)
    (folder / "sgd.yaml").write_text("lr: 0.7\n")
    context, config = sweep(f"hydra.searchpath=[file://{tmp_path}/own]")
    slow = Composer(context, config)
    slow._compose = lambda choices: NotLiteral()
    with pytest.warns(UserWarning, match="validated against"):  # Hydra, of the name it has twice
        jobs, jobs_of_hydra = (
            [composer.job([f"optimizer={name}"], n) for n, name in enumerate(("sgd", "nesterov"))]
            for composer in (Composer(context, config), slow)
        )
    assert jobs[0].run.config.optimizer.lr == 0.7
    assert jobs == jobs_of_hydra


@pytest.mark.parametrize(
    "subdir",
    [
        "job_${hydra.job.num}",
        "${hydra.job.override_dirname}",
        "${optimizer.lr}_${seed}",  # of the user's own configuration
    ],
)
def test_folders_follow_the_users_pattern(sweep, subdir, tmp_path):
    context, config = sweep(f"hydra.sweep.subdir={subdir}")
    jobs = compose_jobs(context, config, [["seed=1"], ["seed=2", "optimizer.lr=0.5"]], first=4)
    expected = {
        "job_${hydra.job.num}": ["job_4", "job_5"],
        "${hydra.job.override_dirname}": ["seed=1", "optimizer.lr=0.5,seed=2"],
        "${optimizer.lr}_${seed}": ["0.001_1", "0.5_2"],
    }[subdir]
    assert [job.folder for job in jobs] == [tmp_path / "sweep" / name for name in expected]


def test_the_time_in_the_sweeps_folder_is_that_of_its_start(sweep, tmp_path):
    context, config = sweep(f"hydra.sweep.dir={tmp_path}/${{now:%f}}")
    started = Path(config.hydra.sweep.dir)  # as a sweeper reads it before it launches
    composer = Composer(context, config)
    jobs = [["seed=1"], ["optimizer=sgd"], ["optimizer=sgd", "seed=2"]]
    folders = [composer.job(overrides, number).folder for number, overrides in enumerate(jobs)]
    assert folders == [started / str(number) for number in range(3)]
    assert composer._composed[()].literal


def test_jobs_with_the_same_folder_are_refused_before_any_folder_is_made(sweep, tmp_path):
    context, config = sweep("hydra.sweep.subdir=same")
    with pytest.raises(ConfigurationError, match=r"hydra\.job\.num"):
        compose_jobs(context, config, [["seed=1"], ["seed=2"]], first=0)
    assert not (tmp_path / "sweep").exists()


def test_a_wrong_job_is_found_before_any_folder_is_made(sweep, tmp_path):
    context, config = sweep()
    with pytest.raises(ConfigurationError, match="lr"):
        compose_jobs(context, config, [["seed=1"], ["optimizer.lr=-1"]], first=0)
    assert not (tmp_path / "sweep").exists()


def test_no_file_is_written_where_the_user_wants_none(sweep, tmp_path):
    context, config = sweep("hydra.output_subdir=null")
    compose_jobs(context, config, [["seed=1"]], first=0)
    assert not list(Path(tmp_path).rglob("*.yaml"))
    assert os.listdir(tmp_path) == []
