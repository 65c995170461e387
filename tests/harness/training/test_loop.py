"""The loop: what a run computes, that it depends on nothing else, and when it ends."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from harness.data.on_device import DeviceData
from harness.data.preparing import Part, prepare
from harness.randomness import order
from harness.training.loop import train
from harness.training.records import Ended, Epoch, Status
from harness.training.setup import network_of
from harness.training.stack import Stack

TIMES = {"train/epoch_seconds"}


def same(one, other):
    """Equal but for the times; by repr, which tells the last bit apart and takes NaN for itself."""
    mine, theirs = (
        sorted((k, repr(v)) for k, v in m.items() if k not in TIMES) for m in (one, other)
    )
    return mine == theirs


MIXED = [
    ("optimizer=sgd", "optimizer.lr=0.1", "seed=1"),
    ("optimizer=adam", "optimizer.lr=0.003", "seed=2", "initializer=glorot_uniform"),
    ("optimizer=adam", "optimizer.lr=0.01", "optimizer.beta1=0.8", "seed=2"),
    ("optimizer=nesterov", "seed=0", "schedule=cosine", "training.max_epochs=4"),
    ("optimizer=adamw", "seed=5", "training.stopping.patience=1", "training.stopping.min_change=1"),
    ("optimizer=heavy_ball", "optimizer.lr=1e300", "seed=3"),  # diverges
    ("optimizer=sgd", "seed=4", "initializer=orthogonal", "training.warmup_epochs=2"),
    ("optimizer=averaged_momentum", "seed=6", "training.max_epochs=2"),
    # Rules that see matrices, and rules that are judged elsewhere than at θ
    ("optimizer=muon", "seed=7"),
    ("optimizer=schedule_free_sgd", "optimizer.lr=0.1", "seed=2"),
    ("optimizer=schedule_free_sgd", "optimizer.lr=0.1", "optimizer.momentum=0.7", "seed=2"),
    # What is done around rules, and rules that take gradients at other points
    ("optimizer=sgd", "wrapper=[ema,clip_norm,sam]", "wrapper.sam.rho=0.1", "seed=1"),
    ("optimizer=sgd", "wrapper=[ema,clip_norm,sam]", "wrapper.clip_norm.bound=0.5", "seed=2"),
    ("optimizer=lars", "wrapper=[lookahead,decoupled_decay,clip_adaptive]", "seed=3"),
    ("optimizer=lbfgs", "seed=2", "optimizer.history=3"),
    ("optimizer=sophia", "optimizer.period=3", "optimizer.lr=0.01", "seed=4"),
]


@pytest.mark.parametrize("stack_size", [None, 3], ids=["all-at-once", "refilled"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "setting",
    [
        (),
        ("objective.weight_decay=1e-3", "objective.auxiliary.z_loss=0.01"),
        ("objective.auxiliary.hidden_l1=1e-3", "objective.auxiliary.confidence_penalty=0.1"),
        ("network.hidden=[]", "training.batch_size=full"),
        ("network.hidden=[7,5]", "network.activation=gelu", "training.batch_size=17"),
    ],
    ids=["plain", "decay-z", "hidden-penalty", "linear-full-batch", "deep-odd-batch"],
)
def test_a_stack_of_different_runs_is_bitwise_equal_to_the_same_runs_alone(
    run_of, fit, setting, dtype, stack_size
):
    common = ("dataset=iris", "training.max_epochs=6", f"backend.dtype={dtype}", *setting)
    runs = [run_of(*common, *overrides) for overrides in MIXED]
    together = fit(*runs, stack_size=stack_size)
    statuses = set()
    for position, run in enumerate(runs):
        alone = fit(run)
        one, other = alone.ended[0], together.ended[position]
        np.testing.assert_array_equal(one.theta, other.theta, err_msg=str(MIXED[position]))
        assert (one.status, one.epochs, one.best_epoch) == (
            other.status,
            other.epochs,
            other.best_epoch,
        )
        assert one.metrics == other.metrics
        for mine, theirs in zip(alone.epochs[0], together.epochs[position], strict=True):
            assert same(mine, theirs)
        statuses.add(other.status)
    assert Status.FINISHED in statuses
    if (
        "network.hidden=[]" not in setting
    ):  # the bounded gradient of a linear model does not overflow
        assert Status.DIVERGED in statuses
    assert Status.STOPPED_EARLY in statuses


def test_the_same_seed_twice_is_bitwise_equal_and_another_seed_is_not(run_of, fit):
    runs = [run_of("dataset=wine", "training.max_epochs=3", f"seed={s}") for s in (3, 3, 4)]
    first, second, third = (fit(run).ended[0].theta for run in runs)
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, third)


def test_no_global_random_state_is_touched(run_of, fit):
    import random

    before = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002 - what is tested
    fit(run_of("dataset=iris", "training.max_epochs=2"))
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before  # noqa: NPY002


def test_paired_runs_share_weights_and_batches_whatever_the_optimizer(run_of):
    stacks = [Stack((run_of(f"optimizer={name}", "seed=9"),)) for name in ("sgd", "adam")]
    data = _data(stacks[0].shared)
    network = network_of(stacks[0].shared, data)
    np.testing.assert_array_equal(*(stack.initial_theta(network) for stack in stacks))
    np.testing.assert_array_equal(*(stack.order(np.array([3]), 100) for stack in stacks))


def _data(run):
    config = run.config
    return prepare(
        config.dataset.load(), config.dataset.task, config.loss.output_activation, config.split
    )


def test_full_batch_descent_is_the_formula(run_of, fit):
    """Three steps of θ ← θ − η∇ℒ on linear regression, where ∇ℒ = 2/N Σ (θx − y)x."""
    run = run_of(
        "dataset=diabetes",
        "network.hidden=[]",
        "network.bias=false",
        "optimizer=sgd",
        "optimizer.lr=0.05",
        "training.batch_size=full",
        "training.max_epochs=3",
        "training.stopping.restore=false",
        "backend.dtype=float64",
    )
    data = _data(run)
    x, y = data.train.features, data.train.targets
    stack = Stack((run,))
    w = stack.initial_theta(network_of(run, data))
    for _ in range(3):
        w = w - 0.05 * 2 / len(x) * ((x @ w.T - y).T @ x)
    np.testing.assert_allclose(fit(run).ended[0].theta, w[0], rtol=1e-12)


@pytest.mark.parametrize("validation", [0.0, 0.2])
def test_a_rule_says_where_its_runs_are_judged(run_of, fit, validation):
    """Schedule-free descent on linear regression: gradients at y, validation and the result at x."""
    run = run_of(
        "dataset=diabetes",
        "network.hidden=[]",
        "network.bias=false",
        "optimizer=schedule_free_sgd",
        "optimizer.lr=0.05",
        "optimizer.momentum=0.6",
        "training.batch_size=full",
        "training.max_epochs=3",
        "training.stopping.restore=false",
        f"split.validation={validation}",
        "training.stopping.patience=null",
        "backend.dtype=float64",
    )
    data = _data(run)
    parts = [data.train] + ([data.validation] if validation else [])
    x = z = Stack((run,)).initial_theta(network_of(run, data))[0]
    losses = []
    for t in range(1, 4):
        y = 0.4 * z + 0.6 * x
        features, targets = data.train.features, data.train.targets[:, 0]
        z = z - 0.05 * 2 / len(features) * ((features @ y - targets) @ features)
        x = x + (z - x) / t
        losses.append([np.mean((p.features @ x - p.targets[:, 0]) ** 2) for p in parts])
    trained = fit(run)
    np.testing.assert_allclose(trained.ended[0].theta, x, rtol=1e-12)
    assert trained.ended[0].metrics["best/train/loss"] == pytest.approx(losses[-1][0])
    if validation:
        actual = [epoch["validation/loss"] for epoch in trained.epochs[0]]
        assert actual == pytest.approx([loss[1] for loss in losses])


def test_logistic_regression_finds_scikit_learns_optimum(run_of, fit):
    """ℒ + β‖θ‖² is convex here: the optimum is the one of LogisticRegression with C = 1/(2βN)."""
    from sklearn.linear_model import LogisticRegression

    beta = 0.01
    run = run_of(
        "dataset=breast_cancer",
        "network.hidden=[]",
        "network.bias=false",
        "optimizer=nesterov",
        "optimizer.lr=0.2",
        f"objective.weight_decay={beta}",
        "training.batch_size=full",
        "training.max_epochs=1500",
        "training.stopping.patience=null",
        "training.stopping.restore=false",
        "backend.dtype=float64",
    )
    data = _data(run)
    reference = LogisticRegression(
        C=1 / (2 * beta * len(data.train)), fit_intercept=False, tol=1e-12, max_iter=10_000
    ).fit(data.train.features, data.train.labels)
    np.testing.assert_allclose(fit(run).ended[0].theta, reference.coef_[0], atol=1e-6)


def test_stochastic_descent_takes_one_sample_at_a_time(run_of, fit):
    run = run_of("dataset=iris", "training.batch_size=1", "training.max_epochs=1")
    assert fit(run).epochs[0][0]["train/steps"] == len(_data(run).train)


def test_a_run_that_blows_up_ends_as_diverged_and_has_no_best(run_of, fit):
    run = run_of("dataset=diabetes", "optimizer=sgd", "optimizer.lr=1e3", "training.max_epochs=50")
    ended = fit(run).ended[0]
    assert ended.status is Status.DIVERGED
    assert ended.epochs < 50
    assert ended.metrics == {}
    assert np.isfinite(ended.theta).all()  # the last that were good


def test_a_diverged_epoch_has_no_score(run_of, fit):
    """NaN outputs are all "class 0", which may well be the most frequent class."""
    run = run_of("dataset=breast_cancer", "optimizer=sgd", "optimizer.lr=1e30", "seed=1")
    trained = fit(run)
    assert trained.ended[0].status is Status.DIVERGED
    assert np.isnan(trained.epochs[0][-1]["validation/accuracy"])
    assert np.isnan(trained.epochs[0][-1]["validation/macro_f1"])


def test_early_stopping_restores_the_best_epoch(run_of, fit):
    run = run_of(
        "dataset=breast_cancer",
        "optimizer.lr=0.05",
        "training.max_epochs=200",
        "training.stopping.patience=5",
    )
    trained = fit(run)
    ended = trained.ended[0]
    losses = [epoch["validation/loss"] for epoch in trained.epochs[0]]
    assert ended.status is Status.STOPPED_EARLY
    assert ended.best_epoch == int(np.argmin(losses)) + 1
    assert ended.epochs == ended.best_epoch + 5
    assert ended.metrics["best/validation/loss"] == min(losses)


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1", "softmax_cross_entropy"])
def test_any_validation_metric_can_be_watched(run_of, fit, metric):
    run = run_of("dataset=wine", "training.max_epochs=12", f"training.stopping.metric={metric}")
    trained = fit(run)
    values = [epoch[f"validation/{metric}"] for epoch in trained.epochs[0]]
    best = max(values) if metric in ("accuracy", "macro_f1") else min(values)
    assert trained.ended[0].metrics[f"best/validation/{metric}"] == best


def test_the_test_part_is_not_read_before_the_end(run_of):
    """A test part full of NaN changes nothing until the last evaluation."""
    run = run_of("dataset=iris", "training.max_epochs=3")
    data = _data(run)
    poison = Part(np.full_like(data.test.features, np.nan), data.test.targets, data.test.labels)
    poisoned = dataclasses.replace(data, test=poison)
    clean, dirty = (list(train([run], DeviceData(run.config.backend, d))) for d in (data, poisoned))
    for one, other in zip(clean, dirty, strict=True):
        if isinstance(one, Ended):
            np.testing.assert_array_equal(one.theta, other.theta)
            assert np.isnan(other.metrics["test/loss"])
            assert np.isfinite(one.metrics["test/loss"])
        elif isinstance(one, Epoch):
            assert same(_floats(one.metrics), _floats(other.metrics))


def test_the_test_part_may_be_left_alone(run_of, fit):
    """Without it all other numbers are the same, to the last bit."""
    common = ("dataset=iris", "training.max_epochs=3")
    whole, part = (fit(run_of(*common, *overrides)) for overrides in ((), ("training.test=false",)))
    without_test = {n: v for n, v in whole.ended[0].metrics.items() if not n.startswith("test/")}
    assert len(without_test) < len(whole.ended[0].metrics)
    assert same(part.ended[0].metrics, without_test)
    np.testing.assert_array_equal(part.ended[0].theta, whole.ended[0].theta)


def _floats(metrics):
    return {name: values.tolist() for name, values in metrics.items()}


@pytest.mark.parametrize(("dtype", "rel"), [("float64", 1e-12), ("float32", 1e-6)])
def test_training_terms_are_the_sample_means_of_the_batches(run_of, fit, dtype, rel):
    """With a rate of 0 the parameters stay, so the running means are those of one evaluation."""
    run = run_of(
        "dataset=iris",
        "optimizer=sgd",
        "optimizer.lr=0",
        "training.max_epochs=1",
        "training.batch_size=1",
        "objective.weight_decay=0.01",
        "objective.auxiliary.z_loss=0.1",
        "objective.auxiliary.hidden_l1=0.1",
        f"backend.dtype={dtype}",
    )
    trained = fit(run)
    for term in ("loss", "softmax_cross_entropy", "z_loss", "hidden_l1", "weight_decay"):
        running, evaluated = (
            trained.epochs[0][0][f"train/{term}"],
            trained.ended[0].metrics[f"best/train/{term}"],
        )
        assert running == pytest.approx(evaluated, rel=rel)
    terms = [
        trained.epochs[0][0][f"train/{t}"]
        for t in ("softmax_cross_entropy", "z_loss", "hidden_l1", "weight_decay")
    ]
    assert trained.epochs[0][0]["train/loss"] == pytest.approx(sum(terms), rel=rel)


def test_metrics_agree_with_scikit_learn(run_of, fit):
    from sklearn.metrics import accuracy_score, f1_score, log_loss

    from harness_numpy import Numpy

    run = run_of("dataset=digits", "training.max_epochs=2", "backend.dtype=float64")
    ended = fit(run).ended[0]
    data = _data(run)
    stack = Stack((run,))
    program = Numpy("float64").bind(network_of(run, data), stack.objective)
    output = program.forward(ended.theta[None], data.test.features).output[0]
    labels, decided = data.test.labels, output.argmax(axis=1)
    p = np.exp(output) / np.exp(output).sum(axis=1, keepdims=True)
    assert ended.metrics["test/accuracy"] == accuracy_score(labels, decided)
    assert ended.metrics["test/macro_f1"] == pytest.approx(
        f1_score(labels, decided, average="macro")
    )
    assert ended.metrics["test/softmax_cross_entropy"] == pytest.approx(log_loss(labels, p))


@pytest.mark.parametrize("stack_size", [None, 2])
def test_short_epochs_take_the_first_rows_of_each_order(run_of, fit, stack_size):
    """Bitwise alone and in a stack; and by hand, as SGD over the first 2 × 8 rows of each order."""
    common = ("dataset=iris", "training.max_epochs=3", "training.batch_size=8")
    short = (*common, "training.steps_per_epoch=2", "backend.dtype=float64")
    runs = [
        run_of(*short, "optimizer=sgd", "network.hidden=[]", "training.stopping.restore=false"),
        run_of(*short, "seed=1", "network.hidden=[]", "schedule=cosine"),
        run_of(*short, "seed=1", "network.hidden=[]", "training.warmup_epochs=1"),
    ]
    together = fit(*runs, stack_size=stack_size)
    for position, run in enumerate(runs):
        alone = fit(run)
        np.testing.assert_array_equal(alone.ended[0].theta, together.ended[position].theta)
        assert [e["train/steps"] for e in alone.epochs[0]] == [2, 4, 6]
        assert [e["train/samples"] for e in alone.epochs[0]] == [16, 32, 48]

    run = runs[0]
    data = _data(run)
    network = network_of(run, data)
    theta = Stack((run,)).initial_theta(network)
    (weight, bias), rate = network.views(theta)[0], run.config.optimizer.lr
    for epoch in (1, 2, 3):
        rows = order(0, epoch, len(data.train))
        for batch in (rows[:8], rows[8:16]):
            x, y = data.train.features[batch], data.train.targets[batch]
            outputs = np.exp(x @ weight[0].T + bias[0])
            error = (outputs / outputs.sum(axis=1, keepdims=True) - y) / 8
            weight[0] -= rate * error.T @ x
            bias[0] -= rate * error.sum(axis=0)
    np.testing.assert_allclose(together.ended[0].theta, theta[0], rtol=1e-10)


def test_more_steps_than_there_are_rows_are_a_whole_epoch(run_of, fit):
    common = ("dataset=iris", "training.max_epochs=2")
    whole, limited = (
        fit(run_of(*common, *overrides)) for overrides in ((), ("training.steps_per_epoch=99",))
    )
    np.testing.assert_array_equal(whole.ended[0].theta, limited.ended[0].theta)
