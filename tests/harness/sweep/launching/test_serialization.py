"""Jobs that go through JSON text come out equal, and a text can say nothing that Hydra could not."""

from __future__ import annotations

import json
import math
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from harness.configuration.job import Job
from harness.errors import ConfigurationError, PluginError
from harness.registry.registry import Registry
from harness.sweep.launching.serialization import dumps, loads

CONFIGURATIONS = [
    (),
    ("training.batch_size=full", "network.hidden=[]", "network.bias=false"),
    ("training.batch_size=7", "network.hidden=[3,2]", "network.activation=tanh"),
    (
        "training.stopping.patience=null",
        "training.reference_batch_size=16",
        "training.warmup_epochs=2",
    ),
    ("objective.auxiliary.z_loss=0.1", "objective.auxiliary.hidden_l1=1e-3"),
    ("objective.weight_decay=1e-4", "optimizer=adamw", "optimizer.lr=1e-30", "seed=17"),
    ("dataset=diabetes", "loss=huber", "loss.delta=2", "optimizer=heavy_ball"),
    ("dataset=table", "dataset.path=a.csv", "dataset.target=[x,y]", "dataset.task=regression"),
    ("dataset=table", "dataset.path=a.csv", "dataset.target=y", "dataset.ignore=[u,v]"),
    ("schedule=cosine", "bias_initializer=constant", "tracking.log_model=true"),
    ("wrapper=ema", "wrapper.ema.decay=0.5"),
    ("wrapper=[ema,clip_norm,sam]", "wrapper.clip_norm.bound=3"),
    ("training.halving.factor=3", "split.validation=0.3", "tracking.experiment=a 1"),
]


def job_of(run, name="a"):
    overrides = ("seed=1", "optimizer=adam")
    return Job(run, Path("/sweep/3"), name, overrides, "01-01/12-00", Path("/01-01/12-00"))


@pytest.mark.parametrize("overrides", CONFIGURATIONS, ids=" ".join)
def test_a_job_comes_back_equal(registry, run_of, overrides):
    job = job_of(run_of(*overrides))
    batch = loads(dumps([job], registry), registry)
    assert batch.jobs == (job,)
    assert batch.jobs[0].run.params == job.run.params
    for field in fields(job.run.config):
        ours, theirs = (getattr(j.run.config, field.name) for j in (job, batch.jobs[0]))
        assert type(ours) is type(theirs)
    assert batch.directory == Path.cwd()


@pytest.mark.parametrize("wrappers", [("ema", "clip_norm"), ("clip_norm", "ema")])
def test_wrappers_keep_their_order(registry, run_of, wrappers):
    run = run_of(f"wrapper=[{','.join(wrappers)}]")
    (back,) = loads(dumps([job_of(run)], registry), registry).jobs
    assert tuple(back.run.config.wrapper) == wrappers
    assert back.run.names["wrapper"] == "+".join(wrappers)


def test_no_field_of_a_job_is_forgotten(registry, run_of):
    job = job_of(run_of())
    (sent,) = json.loads(dumps([job], registry))["jobs"]
    assert sent.keys() - {"names", "config"} == {field.name for field in fields(Job)} - {"run"}
    alone = replace(job, sweep=None, sweep_folder=None)
    assert loads(dumps([alone], registry), registry).jobs == (alone,)


def test_every_component_comes_back(registry, run_of):
    """All of them in one text: some need another's company, which is not asked for here."""
    chosen = {"torch": ["optimizer.name=SGD"], "pytorch_optimizer": ["optimizer.name=Lion"]}
    runs = [
        run_of(
            f"optimizer={name}",
            *chosen.get(name, ()),
            *(["backend=torch"] if name in chosen else []),
        )
        for name in registry.names("optimizer")
    ]
    runs += [run_of(f"schedule={name}") for name in registry.names("schedule")]
    runs += [run_of(f"optimizer.lr={lr}", f"seed={seed}") for seed in (1, 2) for lr in (0.1, 0.2)]
    runs += [run_of(f"wrapper={name}") for name in registry.names("wrapper")]
    runs += [run_of(f"initializer={name}") for name in registry.names("initializer")]
    jobs = [job_of(run, str(number)) for number, run in enumerate(runs)]
    assert list(loads(dumps(jobs, registry), registry).jobs) == jobs


@given(
    lr=st.floats(0, 1e300),
    slope=st.floats(0, 1, exclude_max=True),
    path=st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
    | st.text("\\${}a:'.", min_size=1),
)
@example(lr=0.1, slope=0.0, path="${oc.env:HOME}")
@example(lr=0.1, slope=0.0, path="\\${seed}\\\\${seed}\\")
@example(lr=0.1, slope=0.0, path="${")
@settings(deadline=None, max_examples=60)
def test_numbers_and_text_come_back_exactly(registry, run_of, lr, slope, path):
    run = run_of("dataset=table", "dataset.path=a.csv", "dataset.target=y")
    config = replace(
        run.config,
        optimizer=replace(run.config.optimizer, lr=lr),
        network=replace(run.config.network, slope=slope),
        dataset=replace(run.config.dataset, path="./" + path),
    )
    job = job_of(replace(run, config=config))
    (back,) = loads(dumps([job], registry), registry).jobs
    assert back == job
    assert math.copysign(1, back.run.config.network.slope) == math.copysign(1, slope)


def altered(registry, run_of, change):
    message = json.loads(dumps([job_of(run_of())], registry))
    change(message)
    return json.dumps(message)


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (("names", "optimizer"), "os.system", "Unknown optimizer 'os.system'"),
        (("config", "optimizer", "lr"), -1.0, "'lr' of Adam must be"),
        (("config", "optimizer", "lr"), "fast", "optimizer.lr"),
        (("config", "optimizer", "_target_"), "os.system", "_target_"),
        (("config", "optimizer", "momentum"), 0.9, "optimizer.momentum"),
        (("config", "seed"), -1, "'seed' of Config"),
        (("config", "training", "batch_size"), "half", "'batch_size'"),
        (("config", "objective", "auxiliary", "evil"), 1.0, "evil"),
        (("config", "wrapper"), {"emma": {}}, "Unknown wrapper 'emma'"),
        (("config", "wrapper"), {"ema": {"decay": 2.0}}, "'decay' of Ema must be"),
        (("config", "wrapper"), {"ema": {"_target_": "os.system"}}, "_target_"),
        (("config", "wrapper"), {"ema": None}, "'wrapper.ema' must be the wrapper 'ema'"),
        (("config", "code"), "rm", "Unknown key of a configuration 'code'"),
        (("names", "loss"), "squared_error", "does not fit dataset=digits"),
    ],
    ids=str,
)
def test_what_could_not_be_composed_is_refused(registry, run_of, place, value, words):
    def change(message):
        node = message["jobs"][0]
        for key in place[:-1]:
            node = node[key]
        node[place[-1]] = value

    with pytest.raises(ConfigurationError, match=words.replace(".", r"\.")):
        loads(altered(registry, run_of, change), registry)


def test_a_plugin_of_another_version_is_refused(registry, run_of):
    other = Registry([replace(plugin, version="9.9") for plugin in registry.plugins])
    text = dumps([job_of(run_of())], other)
    with pytest.raises(
        PluginError, match=r"version 9\.9 of optimizer-harness, and .* has version 0\."
    ):
        loads(text, registry)


def test_a_plugin_that_is_not_there_is_named(registry, run_of):
    text = altered(registry, run_of, lambda m: m["versions"].update({"harness-extra": "1.2"}))
    with pytest.raises(PluginError, match=r"version 1\.2 of harness-extra, and .* has none"):
        loads(text, registry)


def test_a_plugin_that_no_run_uses_may_be_missing(registry, run_of):
    apart = [replace(p, distribution=p.name.partition(":")[2]) for p in registry.plugins]
    text = dumps([job_of(run_of())], Registry(apart))
    assert loads(text, Registry([p for p in apart if p.distribution != "torch"])).jobs
    with pytest.raises(PluginError, match="schedules"):
        loads(text, Registry([p for p in apart if p.distribution != "schedules"]))
