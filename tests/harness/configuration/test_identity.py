"""A run's identity: the same for the same numbers, another for anything that decides them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import subprocess
import sys
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import harness
from harness.configuration.identity import _canonical, identity, plugin_versions, sources_of
from harness.configuration.settings import Config


@pytest.fixture
def identify(registry):
    def identity_of(run, data="d" * 64, split="s" * 64, sources=None) -> str:
        return identity(run, sources or sources_of(run, registry), data, split)

    return identity_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["optimizer=sgd", "seed=3"], ["seed=3", "optimizer=sgd"]),  # the order
        (["optimizer.lr=1e-3"], []),  # a default written out
        (["optimizer.lr=1"], ["optimizer.lr=1.0"]),
        (["optimizer.lr=0.1"], ["optimizer.lr=1e-1"]),
        (["training.warmup_epochs=-0.0"], ["training.warmup_epochs=0"]),
        (["objective.auxiliary.z_loss=-0.0"], []),
        (["loss=auto"], ["loss=softmax_cross_entropy"]),  # what `auto` comes to
        (["experiment=demo"], ["optimizer.lr=0.01", "training.max_epochs=60"]),  # a preset
        (["tracking.experiment=other", "tracking.picture=true"], []),  # decides no number
        (["skip_finished=true"], []),
    ],
)
def test_one_configuration_has_one_identity_however_it_was_asked_for(one, other, run_of, identify):
    assert identify(run_of(*one)) == identify(run_of(*other))


def changed(value: Any) -> Any:
    """Another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        return value + "x"
    if isinstance(value, tuple | list):
        return type(value)([*value, 7])
    return 3 if value is None else value


def variants(value: Any, path: str = "") -> list[tuple[str, Any]]:
    """The same instance with one field at any depth changed, each with the path of that field."""
    changes = []
    for field in dataclasses.fields(value):
        inner, where = getattr(value, field.name), f"{path}.{field.name}".lstrip(".")
        inside = variants(inner, where) if dataclasses.is_dataclass(inner) else None
        if field.name == "wrapper":
            inside = [
                (name, {**inner, key: other})
                for key, part in inner.items()
                for name, other in variants(part, f"{where}.{key}")
            ]
        for name, other in [(where, changed(inner))] if inside is None else inside:
            copied = object.__new__(type(value))  # past __post_init__, which knows ranges
            for f in dataclasses.fields(value):
                object.__setattr__(copied, f.name, getattr(value, f.name))
            object.__setattr__(copied, field.name, other)
            changes.append((name, copied))
    return changes


def test_every_value_that_decides_a_number_is_part_of_it(run_of, identify):
    run = run_of("loss=huber", "dataset=table", "dataset.path=a", "dataset.target=b",
                 "dataset.task=regression", "schedule=step", "initializer=normal",
                 "wrapper=[ema,clip_norm]")  # fmt: skip
    unchanged = identify(run)
    seen = {unchanged}
    names = []
    for name, config in variants(run.config):
        other = identify(replace(run, config=config))
        names.append(name)
        if name.startswith("tracking.") or name == "skip_finished":
            assert other == unchanged, name
        else:
            assert other not in seen, name
            seen.add(other)
    assert {"seed", "optimizer.lr", "training.stopping.restore", "network.hidden", "loss.delta",
            "objective.auxiliary.z_loss", "split.seed", "backend.dtype",
            "wrapper.ema.decay"} <= set(names)  # fmt: skip
    assert {name.split(".")[0] for name in names} >= {
        f.name for f in dataclasses.fields(Config)
    } - {
        "bias_initializer"  # zeros: no fields
    }


def test_a_field_that_was_added_changes_no_run_that_does_not_use_it(run_of, identify):
    table = ("dataset=table", "dataset.path=a.csv", "dataset.target=b")
    run = run_of(*table)
    content = json.loads(_canonical(run.config.dataset))
    assert content == {"path": "a.csv", "target": "b", "task": "multiclass", "ignore": []}
    assert [key for key in run.params if key.startswith("dataset")] == [
        "dataset", "dataset.ignore", "dataset.path", "dataset.target", "dataset.task"
    ]  # fmt: skip
    assert identify(run_of(*table, "dataset.separator=comma")) == identify(run)
    other = run_of(*table, "dataset.separator=tab", "dataset.categorical=[c]")
    assert identify(other) != identify(run)
    assert other.params["dataset.separator"] == "tab"
    assert other.params["dataset.categorical"] == "['c']"


def test_the_chosen_components_are_part_of_it(run_of, identify):
    # Both without fields: only the name tells them apart
    runs = [run_of(f"initializer={name}") for name in ("he_normal", "he_uniform", "zeros")]
    assert len({identify(run) for run in runs}) == 3


def test_wrappers_and_their_order_are_part_of_it(run_of, identify):
    chosen = ["none", "ema", "clip_norm", "[ema,clip_norm]", "[clip_norm,ema]"]
    assert len({identify(run_of(f"wrapper={wrappers}")) for wrappers in chosen}) == 5
    assert identify(run_of("wrapper=[ema]")) == identify(run_of("wrapper=ema"))


def test_a_run_without_wrappers_has_the_identity_it_would_have_if_there_were_none(run_of, identify):
    run = run_of()
    apart = ("wrapper", "tracking", "skip_finished")
    content = {
        "names": {group: name for group, name in run.names.items() if group != "wrapper"},
        "values": {name: value for name, value in vars(run.config).items() if name not in apart}
        | {"objective": {"auxiliary": {}, "weight_decay": 0.0}},
        "versions": {"harness": harness.__version__, "optimizer": "a 1"},
        "data": {"rows": "d" * 64, "split": "s" * 64},
    }
    expected = hashlib.sha256(_canonical(content).encode()).hexdigest()
    assert identify(run, sources={"optimizer": "a 1"}) == expected


def test_data_split_and_versions_are_part_of_it(run_of, identify, registry, monkeypatch):
    run = run_of()
    sources = sources_of(run, registry)
    newer = {**sources, "optimizer": "harness:optimizers 99"}
    another = {**sources, "optimizer": "somebody:optimizers 1.0"}
    identities = [
        identify(run),
        identify(run, data="e" * 64),
        identify(run, split="e" * 64),
        identify(run, sources=newer),
        identify(run, sources=another),
    ]
    monkeypatch.setattr("harness.configuration.identity.__version__", "99")
    identities.append(identify(run))
    assert len(set(identities)) == len(identities)


def test_plugins_in_use_are_those_of_the_chosen_components(run_of, registry):
    names = set(plugin_versions(run_of(), registry))
    assert "optimizer-harness:numpy" in names
    assert "optimizer-harness:torch" not in names


def test_an_auxiliary_loss_that_is_off_does_not_count(run_of, identify):
    """Another plugin that brings auxiliary losses must not make all runs new."""
    run = run_of()
    more = dataclasses.make_dataclass(
        "Auxiliary", [(n, float, 0.0) for n in (*vars(run.config.objective.auxiliary), "new")]
    )
    objective = replace(run.config.objective, auxiliary=more())
    wider = replace(run, config=replace(run.config, objective=objective))
    assert identify(wider) == identify(run)
    assert identify(run_of("objective.auxiliary.z_loss=0.1")) != identify(run)


@pytest.mark.slow
def test_it_is_the_same_in_another_process(run_of, identify):
    """Python seeds the hash of text anew in each process; nothing here may depend on it."""
    code = """
from hydra import compose, initialize_config_module
from harness.configuration.hydra_store import register
from harness.configuration.identity import identity, sources_of
from harness.configuration.run import run_from_tree
from harness.registry.registry import load_registry
registry = load_registry()
register(registry)
with initialize_config_module("harness.conf", version_base="1.3"):
    plain = ["hydra/launcher=basic", "hydra/sweeper=basic"]
    auxiliary = ["objective.auxiliary.z_loss=1", "objective.auxiliary.hidden_l1=1"]
    run = run_from_tree(compose("config", overrides=plain + auxiliary), registry)
print(identity(run, sources_of(run, registry), "d" * 64, "s" * 64))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    run = run_of("objective.auxiliary.hidden_l1=1", "objective.auxiliary.z_loss=1")
    assert done.stdout.strip() == identify(run)


class Color(Enum):
    RED = 1
    BLUE = 2


@dataclass(frozen=True)
class Nested:
    color: Color = Color.RED
    pair: tuple[float, float] = (0.5, 1.0)


def test_what_a_component_of_others_may_hold_is_told_apart():
    base = _canonical(Nested())
    assert base == '{"color":"Color.RED","pair":[0.5,1.0]}'
    assert _canonical(Nested(Color.BLUE)) != base
    assert _canonical({"a": 1, "b": 2}) == _canonical({"b": 2, "a": 1})
    assert _canonical({"a": None}) != _canonical({"a": "None"})
    assert _canonical({"a": True}) != _canonical({"a": 1})


@settings(deadline=None, max_examples=200)
@given(st.floats(allow_nan=False))
def test_floats_are_told_apart_to_the_last_bit(value):
    assert _canonical(value) == _canonical(float(repr(value)))
    for towards in (-math.inf, math.inf):
        other = math.nextafter(value, towards)
        assert (_canonical(value) == _canonical(other)) == (value == other)
