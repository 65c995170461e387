"""Optuna's studies under a made-up training whose scores are known."""

from __future__ import annotations

import math
import sys
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import OmegaConf

from harness.errors import ConfigurationError, MissingDependencyError
from harness.sweep.searching.contenders import plan_search
from harness.sweep.searching.study import StudySettings, search
from harness.training.records import Result, Status

optuna = pytest.importorskip("optuna")

CONFIG = OmegaConf.create({"hydra": {"runtime": {"choices": {"optimizer": "adam"}}}})
ARGUMENTS = ("dataset=moons", "optimizer=sgd,adam", "seed=0,1")


@pytest.fixture
def plan_of(registry):
    def of(*arguments):
        return plan_search(arguments, None, SimpleNamespace(config_loader=None), CONFIG, registry)

    return of


@pytest.fixture
def settings(tmp_path):
    return StudySettings(6, 3, "tpe", 0, "s", f"sqlite:///{tmp_path / 'sub' / 'optuna.db'}")


class Training:
    """Scores a job by the distance of its rate from the best one, and keeps the jobs of each batch."""

    def __init__(self, end=lambda job, number: None):
        self.batches, self.firsts, self.end = [], [], end

    def __call__(self, jobs, first):
        self.batches.append(jobs)
        self.firsts.append(first)
        return [self._job(job, first + i) for i, job in enumerate(jobs)]

    def _job(self, job, number):
        values = dict(override.split("=", 1) for override in job)
        away = abs(math.log10(float(values["optimizer.lr"])) + 2)
        score = 1 - away / 4 - 0.01 * int(values["seed"])
        result = Result(
            str(job),
            f"/{number}",
            (),
            {},
            Status.FINISHED,
            1,
            1,
            {"best/validation/accuracy": score},
        )
        return JobReturn(
            status=JobStatus.COMPLETED, _return_value=self.end(job, number) or result, cfg=None
        )

    @property
    def settings(self):
        """Each trial's overrides without the seed, and the seeds it was run for."""
        seeds = {}
        for batch in self.batches:
            for job in batch:
                seeds.setdefault(tuple(job[:-1]), []).append(job[-1])
        return seeds


def ended(status, **metrics):
    return Result("r", "/r", (), {}, status, 1, 1, metrics)


def trials(settings, name="s optimizer=sgd"):
    study = optuna.load_study(study_name=name, storage=settings.storage)
    in_store = study.trials
    study._storage._backend.engine.dispose()
    return in_store


def test_each_contender_gets_its_trials_in_batches_for_all_seeds(plan_of, settings):
    training = Training()
    returns = search(plan_of(*ARGUMENTS), settings, "s", training)
    assert [len(batch) for batch in returns] == [12, 12]  # 2 contenders, 3 trials, 2 seeds
    assert training.firsts == [0, 12]  # the numbers of the jobs go on
    assert set(map(tuple, training.settings.values())) == {("seed=0", "seed=1")}
    assert Counter(s[1] for s in training.settings) == {"optimizer=sgd": 6, "optimizer=adam": 6}
    for trial in trials(settings):
        rate = trial.params["optimizer.lr"]
        assert trial.value == pytest.approx(1 - abs(math.log10(rate) + 2) / 4 - 0.005, abs=1e-5)
        assert list(trial.user_attrs["runs"].values()) == ["finished", "finished"]
    assert {"optimizer.lr", "1 - optimizer.beta1"} < set(
        trials(settings, "s optimizer=adam")[0].params
    )


def test_the_sampler_goes_where_the_scores_are(plan_of, settings):
    """TPE against the random sampler, on the mean score of what is tried after the start."""
    means = {}
    for sampler in ("random", "tpe"):
        training = Training()
        search(
            plan_of("optimizer=sgd", "seed=0"),
            replace(settings, trials=32, batch=4, sampler=sampler),
            sampler,
            training,
        )
        rates = [float(s[1].partition("=")[2]) for s in training.settings]
        means[sampler] = np.mean([1 - abs(math.log10(r) + 2) / 4 for r in rates[16:]])
    assert means["tpe"] > means["random"] + 0.05


@pytest.mark.parametrize(
    "sampler",
    ["tpe", *(pytest.param(name, marks=pytest.mark.full) for name in ("gp", "random"))],
)
def test_trials_follow_from_the_seed(sampler, plan_of, settings):
    if sampler == "gp":
        pytest.importorskip("torch")

    def tried(seed, name):
        training = Training()
        changed = replace(settings, trials=12, batch=6, sampler=sampler, seed=seed)
        search(plan_of("optimizer=sgd", "seed=0"), changed, name, training)
        return list(training.settings)

    assert tried(1, "a") == tried(1, "b")
    assert tried(1, "a2") != tried(2, "c")


def test_values_stay_within_their_ranges_and_are_the_told_ones(plan_of, settings):
    plan = plan_of("optimizer=adamw", "training.batch_size=int(interval(8,64))", "seed=0,1",
                    "network.activation=choice(relu,tanh)")  # fmt: skip
    training = Training()
    search(plan, replace(settings, trials=12), "s", training)
    (contender,) = plan.contenders
    jobs = [dict(o.split("=", 1) for o in s) for s in training.settings]
    assert len(jobs) == 12
    for job in jobs:
        for key in ("optimizer.lr", "optimizer.beta1", "optimizer.beta2", "optimizer.weight_decay"):
            assert contender.space[key].low <= float(job[key]) <= contender.space[key].high
        assert 8 <= int(job["training.batch_size"]) <= 64
        assert job["network.activation"] in ("relu", "tanh")
    for trial, job in zip(trials(settings, "s optimizer=adamw"), jobs, strict=True):
        beta2 = 1 - trial.params["1 - optimizer.beta2"]
        assert float(job["optimizer.beta2"]) == pytest.approx(beta2, abs=1e-7)


def test_a_study_goes_on_until_it_has_its_trials(plan_of, settings):
    first, second, third, whole = Training(), Training(), Training(), Training()
    search(plan_of(*ARGUMENTS), replace(settings, trials=3), "s", first)
    search(plan_of(*ARGUMENTS), settings, "s", second)
    search(plan_of(*ARGUMENTS), settings, "s", third)
    assert len(first.settings) == len(second.settings) == 6
    assert third.batches == []
    search(plan_of(*ARGUMENTS), settings, "whole", whole)
    assert first.batches + second.batches == whole.batches  # as if it had never been interrupted


def test_open_trials_of_a_killed_search_are_failed_and_their_budget_is_given_again(
    plan_of, settings
):
    def killed(jobs, first):
        if first:
            raise KeyboardInterrupt
        return training(jobs, first)

    training, rest, whole = Training(), Training(), Training()
    with pytest.raises(KeyboardInterrupt):
        search(plan_of("optimizer=sgd", "seed=0"), settings, "s", killed)
    states = [trial.state.name for trial in trials(settings)]
    assert states == ["COMPLETE"] * 3 + ["RUNNING"] * 3
    search(plan_of("optimizer=sgd", "seed=0"), settings, "s", rest)
    states = [trial.state.name for trial in trials(settings)]
    assert states == ["COMPLETE"] * 3 + ["FAIL"] * 3 + ["COMPLETE"] * 3
    search(plan_of("optimizer=sgd", "seed=0"), settings, "whole", whole)
    assert training.batches + rest.batches == whole.batches


def test_a_setting_that_diverges_for_one_seed_scores_below_all_others(plan_of, settings, capsys):
    def end(job, number):
        rate = float(job[-2].partition("=")[2])
        return ended(Status.DIVERGED) if rate > 0.01 and job[-1] == "seed=1" else None

    search(plan_of("optimizer=sgd", "seed=0,1"), replace(settings, trials=12), "s", Training(end))
    in_study = trials(settings)
    assert {trial.state.name for trial in in_study} == {"COMPLETE"}
    for trial in in_study:
        assert (trial.value == -math.inf) == (trial.params["optimizer.lr"] > 0.01)
    assert any(trial.value == -math.inf for trial in in_study)
    # TPE has learnt to keep away from where they diverge: 3/4 of the range does
    assert sum(trial.value == -math.inf for trial in in_study[-3:]) <= 1
    assert "optimizer.lr=0.00" in capsys.readouterr().out


def test_a_failed_run_fails_its_trial_and_the_next_call_makes_up_for_it(plan_of, settings):
    def end(job, number):
        return ended(Status.FAILED) if number in (1, 7) else None

    sgd = plan_of("optimizer=sgd", "seed=0,1")
    search(sgd, settings, "s", Training(end))
    assert Counter(trial.state.name for trial in trials(settings)) == {"COMPLETE": 4, "FAIL": 2}
    again = Training()
    search(sgd, settings, "s", again)
    assert len(again.settings) == 2
    assert Counter(trial.state.name for trial in trials(settings)) == {"COMPLETE": 6, "FAIL": 2}


def test_a_job_without_a_result_fails_its_trial_and_a_raised_error_is_raised_after_telling(
    plan_of, settings
):
    class Broken(Training):
        def _job(self, job, number):
            if number == 2:
                return JobReturn(status=JobStatus.FAILED, _return_value=OSError("no memory"))
            return super()._job(job, number)

    with pytest.raises(OSError, match="no memory"):
        search(plan_of("optimizer=sgd", "seed=0"), settings, "s", Broken())
    assert [trial.state.name for trial in trials(settings)] == ["COMPLETE", "COMPLETE", "FAIL"]


def test_a_dropped_run_counts_with_what_it_reached(plan_of, settings):
    def end(job, number):
        return ended(Status.DROPPED, **{"best/validation/accuracy": 0.25}) if number == 0 else None

    search(plan_of("optimizer=sgd", "seed=0"), settings, "s", Training(end))
    assert trials(settings)[0].value == 0.25


def test_a_regression_is_scored_by_r2(plan_of, settings):
    def end(job, number):
        return ended(Status.FINISHED, **{"best/validation/r2": number / 10, "test/r2": 1.0})

    search(plan_of("optimizer=sgd", "seed=0"), settings, "s", Training(end))
    assert [trial.value for trial in trials(settings)] == [0, 0.1, 0.2, 0.3, 0.4, 0.5]


def test_the_best_setting_of_each_contender_is_a_command(plan_of, settings, capsys):
    training = Training()
    search(plan_of(*ARGUMENTS), settings, "s", training)
    shown = capsys.readouterr().out.splitlines()
    for name, (head, command) in zip(
        ("sgd", "adam"), zip(shown[::2], shown[1::2], strict=True), strict=True
    ):
        settings_of = [s for s in training.settings if s[1] == f"optimizer={name}"]
        best = min(settings_of, key=lambda s: abs(math.log10(float(s[2].partition("=")[2])) + 2))
        assert head.startswith(f"optimizer={name}: best validation score 0.")
        assert command.partition(" train ")[2] == f"-m {' '.join(best)} seed=0,1"


def test_a_study_holds_trials_of_one_setting_only(plan_of, settings):
    search(plan_of(*ARGUMENTS), settings, "s", Training())
    with pytest.raises(ConfigurationError, match="6 trials of other settings: dataset=moons there, "
                       "dataset=iris here"):  # fmt: skip
        search(plan_of("dataset=iris", *ARGUMENTS[1:]), settings, "s", Training())
    with pytest.raises(ConfigurationError, match=r"seed=2 here"):
        search(plan_of(*ARGUMENTS[:2], "seed=0,1,2"), settings, "s", Training())
    with pytest.raises(ConfigurationError, match=r"optimizer.lr in Range\(low=0.1"):
        search(plan_of(*ARGUMENTS, "optimizer.lr=interval(0.1,1)"), settings, "s", Training())
    other_store = [*ARGUMENTS, "tracking.experiment=x"]
    search(plan_of(*other_store), settings, "s", Training())  # where runs are logged is no setting


def test_a_refused_search_does_not_bind_its_study(plan_of, settings):
    def refused(jobs, first):
        raise ConfigurationError("max_epochs")

    with pytest.raises(ConfigurationError, match="max_epochs"):
        search(plan_of("training.max_epochs=-1"), settings, "s", refused)
    training = Training()
    search(plan_of("training.max_epochs=1", "seed=0"), settings, "s", training)
    assert len(training.settings) == 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"trials": 0}, "'hydra.sweeper.trials' must be 1 or more. Got 0"),
        ({"batch": 0}, "'hydra.sweeper.batch' must be 1 or more. Got 0"),
        ({"seed": -1}, "'hydra.sweeper.seed' must be 0 or more. Got -1"),
        ({"sampler": "tpee"}, "Unknown sampler 'tpee'. Did you mean 'tpe'"),
        ({"storage": "nowhere"}, "hydra.sweeper.storage=nowhere cannot be opened"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change, message, plan_of, settings):
    with pytest.raises(ConfigurationError, match=message):
        search(plan_of("optimizer=sgd"), replace(settings, **change), "s", Training())


def test_without_optuna_it_says_what_to_install(plan_of, settings, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'optimizer-harness\[search\]'"):
        search(plan_of("optimizer=sgd"), settings, "s", Training())


def test_optuna_is_silent(plan_of, settings, capfd):
    search(plan_of("optimizer=sgd", "seed=0"), settings, "s", Training())
    shown = capfd.readouterr()
    assert shown.err.count("\n") == 1
    assert "0 of 6 trials done in study 's'" in shown.err
    assert shown.out.count("\n") == 2
