"""The tuning protocol under a made-up training whose scores are known."""

from __future__ import annotations

import json
import math
import statistics
from types import SimpleNamespace

import numpy as np
import pytest
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import OmegaConf

from harness.errors import ConfigurationError
from harness.search_space import Range
from harness.sweep.searching.contenders import plan_search
from harness.sweep.searching.sampling import unit_points
from harness.sweep.tuning.protocol import TUNING, TuningSettings, tune
from harness.training.records import Result, Status

CONFIG = OmegaConf.create({"hydra": {"runtime": {"choices": {"optimizer": "adam"}}}})
DEFAULTS = {"optimizer.lr": "0.001", "seed": "0"}


class Training:
    """Scores a job by the distance of its rate from 10^best, and keeps the jobs of each batch.

    Args:
        best: Decadic logarithm of the best rate.
        end: Another end of a job, from its overrides: a status, metrics or an exception; None for none.
    """

    def __init__(self, best=-1.5, end=lambda chosen: None):
        self.best, self.end = best, end
        self.batches, self.firsts = [], []

    def __call__(self, jobs, first):
        self.batches.append([dict(o.split("=", 1) for o in job) for job in jobs])
        self.firsts.append(first)
        return [self._job(job, first + n) for n, job in enumerate(self.batches[-1])]

    def score(self, chosen):
        rate = float({**DEFAULTS, **chosen}["optimizer.lr"])
        away = abs(math.log10(rate) - self.best)
        return 1 - away / 8 - 0.01 * int({**DEFAULTS, **chosen}["seed"])

    def _job(self, chosen, number):
        score = self.score(chosen)
        metrics = {"best/validation/accuracy": score, "best/validation/loss": 2 - score}
        if chosen.get("training.test") != "false":
            metrics["test/accuracy"] = 0.5
        end = self.end(chosen)
        if isinstance(end, Exception):
            return JobReturn(status=JobStatus.FAILED, _return_value=end)
        status = end if isinstance(end, Status) else Status.FINISHED
        if isinstance(end, dict):
            metrics |= end
        metrics = {} if status in (Status.DIVERGED, Status.FAILED) else metrics
        overrides = tuple(f"{k}={v}" for k, v in chosen.items())
        result = Result("r", f"/{number}", overrides, {}, status, 1, 1, metrics)
        return JobReturn(status=JobStatus.COMPLETED, _return_value=result)

    def of(self, phase, optimizer=None):
        return [
            job
            for batch in self.batches
            for job in batch
            if job["tracking.phase"] == phase and optimizer in (None, job["optimizer"])
        ]


@pytest.fixture
def protocol(registry, run_of, tmp_path, capsys):
    """Goes through the protocol; gives the training, tuning.json, and what was printed."""

    def go(*arguments, training=None, **changed):
        context = SimpleNamespace(config_loader=None)
        plan = plan_search(arguments, None, context, CONFIG, registry)
        defaults = {"trials": 8, "method": "sobol", "seed": 0, "final_seeds": 3, "untuned": True}
        settings = TuningSettings(**{**defaults, "extend": 0, "metric": None, **changed})
        training = training or Training()
        tune(plan, settings, lambda overrides: run_of(*overrides), training, tmp_path)
        record = json.loads((tmp_path / TUNING).read_text())
        return training, record, capsys.readouterr()

    return go


def best_of(jobs, score):
    """The setting with the best mean over its seeds, by a sum of its own."""
    sums = {}
    for job in jobs:
        setting = tuple((k, v) for k, v in job.items() if k.startswith("optimizer."))
        sums.setdefault(setting, []).append(score(job))
    return dict(max(sums, key=lambda setting: sum(sums[setting]) / len(sums[setting])))


CONTENDERS = ("dataset=moons", "optimizer=sgd,adam", "seed=0,1,2")


def test_each_contender_is_tuned_alike_and_judged_on_seeds_of_its_own(protocol):
    training, record, shown = protocol(*CONTENDERS)
    assert [len(batch) for batch in training.batches] == [2 * 8 * 3, 2 * 2 * 3]
    assert training.firsts == [0, 48]
    points = unit_points("sobol", 8, 3, 0)
    for optimizer, low, high in (("sgd", 1e-3, 10), ("adam", 1e-5, 0.1)):
        tuning = training.of("tuning", optimizer)
        assert [job["seed"] for job in tuning] == ["0", "1", "2"] * 8
        rates = [float(job["optimizer.lr"]) for job in tuning[::3]]
        assert rates == pytest.approx(low * (high / low) ** points[:, 0], rel=1e-5)
        setting = best_of(tuning, training.score)
        finals = training.of("final", optimizer)
        assert [{k: v for k, v in f.items() if k.startswith("optimizer.")} for f in finals] == [
            setting
        ] * 3
        assert [job["seed"] for job in finals] == ["3", "4", "5"]
        (contender,) = [
            c for c in record["contenders"] if c["overrides"][1] == f"optimizer={optimizer}"
        ]
        assert contender["setting"] == setting
        words = " ".join(f"{k}={v}" for k, v in setting.items())
        assert f"train dataset=moons optimizer={optimizer} {words}\n" in shown.out
    assert record["seeds"] == {"tuning": [0, 1, 2], "final": [3, 4, 5]}
    assert record["complete"] is True
    assert np.array(record["points"]) == pytest.approx(points)


def test_the_untuned_are_the_defaults_on_the_same_seeds(protocol):
    training, _, _ = protocol(*CONTENDERS)
    for optimizer in ("sgd", "adam"):
        assert training.of("untuned", optimizer) == [
            {"dataset": "moons", "optimizer": optimizer, "seed": s, "tracking.phase": "untuned"}
            for s in "345"
        ]
    training, record, _ = protocol(*CONTENDERS, untuned=False)
    assert not training.of("untuned")
    assert record["contenders"][0]["untuned"] == []


def test_only_tuning_leaves_the_test_part_alone_and_no_test_metric_is_recorded(protocol, tmp_path):
    training, _, _ = protocol(*CONTENDERS)
    assert {job.get("training.test") for job in training.of("tuning")} == {"false"}
    assert not any("training.test" in job for p in ("final", "untuned") for job in training.of(p))
    assert "test/" not in (tmp_path / TUNING).read_text()


def test_several_factors_make_contenders_that_are_tuned_apart(protocol):
    training, record, _ = protocol("optimizer=sgd,adam", "dataset=moons,iris", "seed=5")
    names = [contender["name"] for contender in record["contenders"]]
    assert len(set(names)) == 4
    assert names[0] == "optimizer=sgd dataset=moons"
    assert len(training.of("tuning")) == 4 * 8
    assert {job["seed"] for job in training.of("final")} == {"6", "7", "8"}


def test_without_seeds_the_configured_one_tunes(protocol):
    training, record, _ = protocol("optimizer=sgd")
    assert not any("seed" in job for job in training.of("tuning"))
    assert record["seeds"] == {"tuning": [0], "final": [1, 2, 3]}


def test_a_setting_that_diverges_for_one_seed_is_not_chosen(protocol):
    first, _, _ = protocol(*CONTENDERS)
    best = best_of(first.of("tuning", "sgd"), first.score)["optimizer.lr"]

    def end(job):
        is_best = job.get("optimizer.lr") == best and job["optimizer"] == "sgd"
        return Status.DIVERGED if is_best and job["seed"] == "1" else None

    training, record, _ = protocol(*CONTENDERS, training=Training(end=end))
    left = [job for job in training.of("tuning", "sgd") if job["optimizer.lr"] != best]
    sgd = record["contenders"][0]
    assert sgd["setting"] == best_of(left, training.score)
    (trial,) = [t for t in sgd["tunings"][0]["trials"] if t["setting"]["optimizer.lr"] == best]
    assert (trial["score"], trial["ended"]) == (None, "diverged")
    assert [run["status"] for run in trial["runs"]] == ["finished", "diverged", "finished"]


def test_failed_trials_have_no_score_and_that_is_said(protocol):
    def end(job):
        high = job["tracking.phase"] == "tuning" and float(job["optimizer.lr"]) > 1
        return Status.FAILED if high and job["seed"] == "2" else None

    _, record, shown = protocol(*CONTENDERS, training=Training(best=2, end=end))
    trials = record["contenders"][0]["tunings"][0]["trials"]
    assert [t["score"] is None for t in trials] == [
        float(t["setting"]["optimizer.lr"]) > 1 for t in trials
    ]
    (finding,) = [f for f in record["findings"] if "failed" in f]
    assert finding.startswith("optimizer=sgd: 2 of 8 trials failed and gave no score")
    assert f"warning: {finding}" in shown.err


def test_a_contender_without_a_finite_setting_has_no_final_runs_and_that_is_said(protocol):
    def end(job):
        tuned = job["optimizer"] == "sgd" and job["tracking.phase"] == "tuning"
        return Status.DIVERGED if tuned else None

    training, record, shown = protocol(*CONTENDERS, training=Training(end=end), extend=1)
    assert not training.of("final", "sgd")
    assert len(training.of("final", "adam")) == 3
    assert len(training.of("untuned", "sgd")) == 3
    sgd, adam = record["contenders"]
    assert (sgd["setting"], sgd["command"], sgd["final"]) == (None, None, [])
    assert adam["setting"]
    assert "no setting has a score, of 8 trials 8 diverged and 0 failed" in shown.err
    assert "optimizer=sgd: nothing chosen" in shown.out


def test_among_equal_scores_the_lowest_loss_and_then_the_first_trial_is_best(protocol):
    def tied(job):
        rate = float({**DEFAULTS, **job}["optimizer.lr"])
        return {
            "best/validation/accuracy": 0.75,
            "best/validation/loss": 1.0 if rate < 0.1 else 0.5,
        }

    training, record, _ = protocol("optimizer=sgd", training=Training(end=tied))
    rates = [job["optimizer.lr"] for job in training.of("tuning")]
    assert record["contenders"][0]["setting"]["optimizer.lr"] == next(
        rate for rate in rates if float(rate) >= 0.1
    )


@pytest.mark.parametrize(
    ("overrides", "requested", "metric"),
    [
        ((), None, "accuracy"),
        (("training.stopping.metric=macro_f1",), None, "macro_f1"),
        (("training.stopping.metric=softmax_cross_entropy", "dataset=iris"), None, "accuracy"),
        (("dataset=diabetes",), None, "r2"),
        ((), "loss", "loss"),
        (("training.stopping.metric=accuracy",), "macro_f1", "macro_f1"),
    ],
)
def test_what_settings_are_chosen_by(overrides, requested, metric, protocol):
    """Each metric is best at another rate."""
    peaks = {"accuracy": -2, "macro_f1": -1, "r2": 0, "loss": 0.5}

    def end(job):
        rate = math.log10(float({**DEFAULTS, **job}["optimizer.lr"]))
        merits = {name: -abs(rate - peak) for name, peak in peaks.items()}
        merits["loss"] *= -1
        return {f"best/validation/{name}": merit for name, merit in merits.items()}

    _, record, _ = protocol(
        "optimizer=sgd", *overrides, training=Training(end=end), metric=requested
    )
    (contender,) = record["contenders"]
    assert contender["metric"] == metric
    assert contender["maximize"] is (metric != "loss")
    trials = contender["tunings"][0]["trials"]
    rates = [math.log10(float(t["setting"]["optimizer.lr"])) for t in trials]
    nearest = min(rates, key=lambda rate: abs(rate - peaks[metric]))
    assert math.log10(float(contender["setting"]["optimizer.lr"])) == nearest
    sign = 1 if metric == "loss" else -1
    assert [t["score"] for t in trials] == pytest.approx(
        [sign * abs(rate - peaks[metric]) for rate in rates]
    )


def test_edges_are_reported_and_without_extend_nothing_is_run_again(protocol):
    training, record, shown = protocol("optimizer=sgd", training=Training(best=3))
    (edge,) = record["contenders"][0]["tunings"][0]["edges"]
    assert (edge["key"], edge["side"], edge["low"], edge["high"]) == (
        "optimizer.lr",
        "high",
        1e-3,
        10,
    )
    assert edge["value"] == record["contenders"][0]["setting"]["optimizer.lr"]
    assert "is on the upper edge of its range, 0.001 to 10" in shown.err
    assert "hydra.sweeper.extend=1" in shown.err
    assert [len(batch) for batch in training.batches] == [8, 6]


def test_a_range_is_extended_until_the_best_value_lies_within(protocol):
    """The best rate of sgd is 10³; its range ends at 10 and has four decades: 10, 10³, 10⁶."""
    _, record, shown = protocol(*CONTENDERS[:2], training=Training(best=3), extend=4, trials=16)
    sgd, adam = record["contenders"]
    assert [t["phase"] for t in sgd["tunings"]] == ["tuning", "tuning-2", "tuning-3"]
    ends = [t["space"]["optimizer.lr"] for t in sgd["tunings"]]
    assert [end["high"] for end in ends] == pytest.approx([10, 1e3, 1e6])
    assert {(end["low"], end["scale"]) for end in ends} == {(1e-3, "log")}
    assert sgd["tunings"][-1]["edges"] == []
    assert abs(math.log10(float(sgd["setting"]["optimizer.lr"])) - 3) < 9 / 16
    # Every tuning has as many trials, at the same points. The best trial of all is chosen
    for contender in (sgd, adam):
        assert {len(tuning["trials"]) for tuning in contender["tunings"]} == {16}
    points = unit_points("sobol", 16, 3, 0)[:, 0]
    for tuning, high in zip(sgd["tunings"], (10, 1e3, 1e6), strict=True):
        rates = [float(trial["setting"]["optimizer.lr"]) for trial in tuning["trials"]]
        assert rates == pytest.approx(1e-3 * (high / 1e-3) ** points, rel=1e-5)
    trials = [trial for tuning in sgd["tunings"] for trial in tuning["trials"]]
    scores = [statistics.fmean(run["score"] for run in trial["runs"]) for trial in trials]
    assert trials[int(np.argmax(scores))]["setting"] == sgd["setting"]
    assert "optimizer=sgd: optimizer.lr" not in shown.err


def test_extensions_end_when_no_more_are_allowed_and_the_edge_is_reported(protocol):
    training, record, shown = protocol("optimizer=sgd", training=Training(best=9), extend=1)
    (contender,) = record["contenders"]
    assert len(contender["tunings"]) == 2
    assert len(contender["tunings"][-1]["edges"]) == 1
    assert "0.001 to 1000" in shown.err
    assert "hydra.sweeper.extend=2" in shown.err
    assert len(training.of("final")) == 3


def test_a_contender_within_its_ranges_is_not_tuned_again(protocol):
    """The best rate lies well within sgd's range, and at the end of that of nesterov."""
    training, record, _ = protocol(
        "optimizer=sgd,nesterov", training=Training(best=0.3), extend=1, trials=16
    )
    sgd, nesterov = record["contenders"]
    assert (len(sgd["tunings"]), len(nesterov["tunings"])) == (1, 2)
    assert {job["optimizer"] for job in training.of("tuning-2")} == {"nesterov"}
    assert len(training.of("tuning-2")) == 16


def test_what_cannot_be_trained_with_ends_an_extension(protocol):
    """Momentum has to stay below 1, on a linear scale too: 0.9 + 0.4/4 is too much, 0.9 + 0.4/8 not."""

    def end(job):
        return {"best/validation/accuracy": float(job.get("optimizer.momentum", 0))}

    overrides = ("optimizer=heavy_ball", "optimizer.lr=0.1", "optimizer.momentum=interval(0.5,0.9)")
    _, record, _ = protocol(*overrides, training=Training(end=end), extend=1)
    (contender,) = record["contenders"]
    assert contender["tunings"][1]["space"]["optimizer.momentum"]["high"] == pytest.approx(0.95)
    overrides = (*overrides[:2], "optimizer.momentum=interval(0.5,0.999)")
    _, record, shown = protocol(*overrides, training=Training(end=end), extend=1)
    (contender,) = record["contenders"]
    assert len(contender["tunings"]) == 1
    assert "nothing beyond it can be trained with" in shown.err


def test_runs_after_tuning_are_not_halved(protocol):
    halved = ("training.halving.factor=2", "training.halving.first=1")
    training, _, _ = protocol("optimizer=sgd", *halved)
    factors = {
        phase: {job["training.halving.factor"] for job in training.of(phase)}
        for phase in ("tuning", "final", "untuned")
    }
    assert factors == {"tuning": {"2"}, "final": {"null"}, "untuned": {"null"}}
    run = training.of("final")[0]
    assert list(run).index("training.halving.factor") > list(run).index("optimizer")


def test_what_a_job_has_raised_is_raised(protocol):
    def end(job):
        return (
            KeyError("lost") if job["tracking.phase"] == "tuning" and job["seed"] == "1" else None
        )

    with pytest.raises(KeyError, match="lost"):
        protocol(*CONTENDERS, training=Training(end=end))


def test_the_command_of_a_choice_keeps_secrets_and_starts_no_sweep(protocol):
    uri = "tracking.uri=postgresql://ada:secret@db/lab"
    _, record, shown = protocol("experiment=demo", "optimizer=sgd", uri, "skip_finished=true")
    (contender,) = record["contenders"]
    assert contender["command"].startswith("harness train experiment=demo optimizer=sgd")
    assert contender["command"].endswith(" hydra.mode=RUN")
    assert "secret" not in json.dumps(record) + shown.out
    assert "skip_finished" not in contender["command"]


@pytest.mark.parametrize(
    ("overrides", "changed", "message"),
    [
        ((), {"trials": 1}, "'hydra.sweeper.trials' must be 2 or more. Got 1."),
        ((), {"final_seeds": 0}, "'hydra.sweeper.final_seeds' must be 1 or more. Got 0."),
        ((), {"extend": -1}, "'hydra.sweeper.extend' must be 0 or more. Got -1."),
        ((), {"seed": -1}, "'hydra.sweeper.seed' must be 0 or more. Got -1."),
        ((), {"method": "lhs"}, "Unknown method 'lhs'"),
        ((), {"metric": "r2"}, "Unknown metric of a multiclass task 'r2'. Allowed: accuracy, loss,"),
        (("split.validation=0", "training.stopping.patience=null"), {}, "validation=0 leaves none"),
        (("split.validation=0,0.2", "training.stopping.patience=null"), {}, "leaves none"),
        (("optimizer.lr=0.1",), {}, "its search space is fixed"),
        (("optimizer.lr=-1", "training.batch_size=choice(8,16)"), {}, "'lr' of Sgd must be in"),
    ],
)  # fmt: skip
def test_a_mistake_is_found_before_anything_is_trained(overrides, changed, message, protocol):
    training = Training()
    with pytest.raises(ConfigurationError, match=message.replace("(", r"\(")):
        protocol("optimizer=sgd", *overrides, training=training, **changed)
    assert not training.batches


def test_a_sampled_integer_and_a_choice_are_tuned_too(protocol):
    overrides = ("optimizer=sgd", "training.batch_size=int(interval(8,64))",
             "network.activation=choice(relu,tanh)")  # fmt: skip
    training, record, _ = protocol(*overrides)
    (contender,) = record["contenders"]
    space = contender["tunings"][0]["space"]
    assert space["training.batch_size"] == {
        "kind": "integers",
        "low": 8,
        "high": 64,
        "scale": "linear",
    }
    assert space["network.activation"] == {"kind": "choice", "values": ["relu", "tanh"]}
    assert set(contender["setting"]) == {
        "training.batch_size",
        "network.activation",
        "optimizer.lr",
    }
    assert not any("training.batch_size" in job for job in training.of("untuned"))
    assert space["optimizer.lr"]["kind"] == "range"
    assert Range(1e-3, 10, "log").low == space["optimizer.lr"]["low"]
