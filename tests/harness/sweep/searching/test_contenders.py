"""What a command line asks a search for."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from omegaconf import OmegaConf

from harness.errors import ConfigurationError
from harness.search_space import Choice, Integers, Range
from harness.sweep.searching.contenders import plan_search

CONFIG = OmegaConf.create({"hydra": {"runtime": {"choices": {"optimizer": "adam"}}}})


@pytest.fixture
def read(registry):
    def plan(*arguments, params=None):
        context = SimpleNamespace(config_loader=None)
        return plan_search(arguments, params, context, CONFIG, registry)

    return plan


def test_listed_values_are_contenders_and_seeds_are_repetitions(read):
    plan = read("dataset=moons", "optimizer=sgd,adam", "initializer=zeros,he_normal", "seed=0,1")
    assert [contender.overrides for contender in plan.contenders] == [
        ("dataset=moons", f"optimizer={o}", f"initializer={i}")
        for o in ("sgd", "adam")
        for i in ("zeros", "he_normal")
    ]
    assert plan.seeds == (("seed=0",), ("seed=1",))
    names = [contender.name for contender in plan.contenders]
    assert names[1] == "optimizer=sgd initializer=he_normal"
    assert len(set(names)) == 4


def test_a_contender_has_its_optimizers_own_space(read, registry):
    sgd, adam = read("optimizer=sgd,adam").contenders
    assert sgd.space == {"optimizer.lr": registry.component("optimizer", "sgd").search_space["lr"]}
    assert list(adam.space) == ["optimizer.lr", "optimizer.beta1", "optimizer.beta2"]
    stated = registry.component("optimizer", "adam").search_space
    assert adam.space["optimizer.beta2"] is stated["beta2"]


def test_a_contender_has_the_spaces_of_its_wrappers_too(read, registry):
    none, ema, both = read("optimizer=sgd", "wrapper=none,ema,[ema,clip_norm]").contenders
    assert list(none.space) == ["optimizer.lr"]
    assert list(ema.space) == ["optimizer.lr", "wrapper.ema.decay"]
    assert list(both.space) == ["optimizer.lr", "wrapper.ema.decay", "wrapper.clip_norm.bound"]
    stated = registry.component("wrapper", "ema").search_space
    assert ema.space["wrapper.ema.decay"] is stated["decay"]
    assert [contender.name for contender in (none, ema, both)] == [
        f"optimizer=sgd wrapper={chosen}" for chosen in ("none", "ema", "[ema,clip_norm]")
    ]


def test_a_point_means_the_same_for_a_rule_with_a_wrapper_and_without(read):
    none, ema = read("optimizer=sgd", "wrapper=none,ema").contenders
    point = (0.25, 0.5)
    assert none.setting(point)["optimizer.lr"] == ema.setting(point)["optimizer.lr"]


def test_a_value_of_a_wrapper_can_be_fixed(read):
    (only,) = read("optimizer=sgd", "wrapper=ema", "wrapper.ema.decay=0.9").contenders
    assert list(only.space) == ["optimizer.lr"]


@pytest.mark.parametrize("configured", ["ema", ["ema", "clip_norm"]])
def test_without_wrappers_on_the_command_line_they_are_the_configured_ones(configured, registry):
    choices = {"optimizer": "sgd", "wrapper": configured}
    config = OmegaConf.create({"hydra": {"runtime": {"choices": choices}}})
    context = SimpleNamespace(config_loader=None)
    (only,) = plan_search(["seed=0"], None, context, config, registry).contenders
    assert "wrapper.ema.decay" in only.space
    assert ("wrapper.clip_norm.bound" in only.space) == (configured != "ema")


def test_without_an_optimizer_on_the_command_line_it_is_the_configured_one(read):
    (only,) = read("dataset=moons").contenders
    assert only.name == "optimizer=adam"
    assert "optimizer.beta1" in only.space


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("interval(0.1,0.5)", Range(0.1, 0.5)),
        ("tag(log,interval(1e-3,1))", Range(1e-3, 1, "log")),
        ("tag(complement,interval(0,0.9))", Range(0, 0.9, "complement")),
        ("int(interval(16,64))", Integers(16, 64)),
        ("int(tag(log,interval(16,64)))", Integers(16, 64, "log")),
        ("choice(16,full)", Choice(("16", "full"))),
        ("range(1,4)", Choice(("1", "2", "3"))),
        ("choice([8],[8,8])", Choice(("[8]", "[8,8]"))),
    ],
)
def test_hydras_notation_of_what_is_sampled(text, expected, read):
    (only,) = read(f"training.batch_size={text}").contenders
    assert only.space["training.batch_size"] == expected


def test_the_command_line_overrides_and_fixes_the_optimizers_own_space(read):
    (only,) = read("optimizer.beta1=0.8", "optimizer.lr=interval(0,1)").contenders
    assert only.space["optimizer.lr"] == Range(0, 1)
    assert "optimizer.beta1" not in only.space
    assert only.overrides == ("optimizer.beta1=0.8",)


def test_what_is_sampled_for_all_comes_first_so_that_it_is_paired(read):
    sgd, adam = read("optimizer=sgd,adam", "training.warmup_epochs=interval(0,5)").contenders
    point = (0.25, 0.5, 0.5, 0.5)
    assert next(iter(sgd.space)) == "training.warmup_epochs"
    assert sgd.setting(point)["training.warmup_epochs"] == "1.25"
    assert adam.setting(point)["training.warmup_epochs"] == "1.25"
    assert sgd.setting(point)["optimizer.lr"] == "0.1"
    assert adam.setting(point)["optimizer.lr"] == "0.001"


def test_params_are_read_first_and_the_command_line_has_the_last_word(read):
    plan = read("seed=7", params={"seed": "0,1", "optimizer": "sgd,adam"})
    assert len(plan.contenders) == 2
    assert plan.seeds == (("seed=7",),)


def test_a_trial_is_a_job_for_each_seed(read):
    plan = read("optimizer=sgd", "seed=range(0,2)")
    assert plan.jobs(plan.contenders[0], {"optimizer.lr": "0.5"}) == [
        ["optimizer=sgd", "optimizer.lr=0.5", "seed=0"],
        ["optimizer=sgd", "optimizer.lr=0.5", "seed=1"],
    ]
    alone = read("optimizer=sgd")
    assert alone.jobs(alone.contenders[0], {"optimizer.lr": "0.5"}) == [
        ["optimizer=sgd", "optimizer.lr=0.5"]
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["optimizer.lr=interval(1,0.1)"], r"'optimizer.lr=interval\(1,0.1\)': A range goes from"),
        (["optimizer.lr=tag(log,interval(0,1))"], "starts above 0"),
        (["optimizer.lr=tag(lg,interval(0.1,1))"], "its scale: linear, log, complement. Got lg"),
        (["optimizer.lr=tag(log,linear,interval(0.1,1))"], "Got linear, log"),
        (["optimizer.lr=tag(log,choice(0.1,1))"], "Only an interval has a scale"),
        (["optimizer=choice(sgd,adam)"], "List them, as in optimizer=sgd,adam"),
        (["wrapper=choice(none,ema)"], "List them, as in wrapper=none,ema"),
        (["seed=interval(0,9)"], "List them, as in seed=0,1,2"),
        (["optimizer=sgd", "optimizer.lr=1"], "for optimizer=sgd: its search space is fixed"),
        (["optimizer=own"], "for optimizer=own: it states no search space"),
    ],
)
def test_what_cannot_be_sampled_is_refused(arguments, message, read):
    with pytest.raises(ConfigurationError, match=message):
        read(*arguments)
