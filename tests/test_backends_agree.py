"""The same seed and configuration on both backends: the same trajectory."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from harness.model.network import ACTIVATIONS

pytest.importorskip("torch", reason="PyTorch is not installed")

OPTIMIZERS = {  # rates at which 200 steps go somewhere without amplifying the last bit
    "sgd": 0.02,
    "heavy_ball": 0.005,
    "averaged_momentum": 0.02,
    "nesterov": 0.005,
    "adam": 0.002,
    "adamw": 0.002,
}
DATA = {  # 12 steps an epoch
    "softmax_cross_entropy": ("dataset=iris", "training.batch_size=8"),
    "sigmoid_cross_entropy": ("dataset=moons", "dataset.samples=150", "training.batch_size=8"),
    "squared_error": ("dataset=diabetes", "training.batch_size=24"),
    "absolute_error": ("dataset=diabetes", "training.batch_size=24"),
    "huber": ("dataset=diabetes", "training.batch_size=24"),
}


def trajectories(run_of, fit, loss, *overrides, activation="relu"):
    """How each optimizer's run ends after at least 200 steps, on NumPy and on PyTorch."""
    outcomes = []
    for backend in ("numpy", "torch"):
        runs = [
            with_activation(
                activation,
                run_of,
                *DATA[loss],
                f"loss={loss}",
                f"backend={backend}",
                "backend.dtype=float64",
                *(["backend.device=cpu"] if backend == "torch" else []),
                f"optimizer={name}",
                f"optimizer.lr={lr}",
                "network.hidden=[6,5]",
                "training.max_epochs=18",
                "training.stopping.patience=null",
                "training.stopping.restore=false",
                *overrides,
            )
            for name, lr in OPTIMIZERS.items()
        ]
        outcomes.append(fit(*runs))
    return outcomes


def with_activation(activation, run_of, *overrides):
    """A composed run with another activation, without composing it again."""
    run = run_of(*overrides)
    network = dataclasses.replace(run.config.network, activation=activation)
    return dataclasses.replace(run, config=dataclasses.replace(run.config, network=network))


def relative(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


# Each activation with one loss, each loss with one activation or two; all pairs in `make test-full`
PAIRS = [
    pytest.param(
        loss,
        activation,
        marks=() if a % len(DATA) == n else pytest.mark.full,
        id=f"{loss}-{activation}",
    )
    for n, loss in enumerate(DATA)
    for a, activation in enumerate(ACTIVATIONS)
]


@pytest.mark.slow
@pytest.mark.parametrize(("loss", "activation"), PAIRS)
def test_parameters_agree_after_200_steps(run_of, fit, loss, activation):
    ours, theirs = trajectories(run_of, fit, loss, activation=activation)
    for position, name in enumerate(OPTIMIZERS):
        assert ours.epochs[position][-1]["train/steps"] >= 200
        one, other = ours.ended[position], theirs.ended[position]
        assert relative(one.theta, other.theta) < 1e-10, name
        assert one.metrics.keys() == other.metrics.keys()
        for metric, value in one.metrics.items():
            assert value == pytest.approx(other.metrics[metric], rel=1e-8), metric


@pytest.mark.parametrize(
    "extra",
    [
        (
            "objective.weight_decay=1e-3",
            "objective.auxiliary.z_loss=0.01",
            "wrapper=clip_norm",
            "wrapper.clip_norm.bound=0.5",
        ),
        ("objective.auxiliary.hidden_l1=1e-3", "objective.auxiliary.confidence_penalty=0.1"),
        ("schedule=cosine", "training.warmup_epochs=5", "training.reference_batch_size=16"),
        ("initializer=orthogonal", "bias_initializer=constant", "bias_initializer.value=0.01"),
    ],
    ids=["decay-clip", "penalties", "schedule", "initial"],
)
def test_everything_around_the_step_agrees_too(run_of, fit, extra):
    ours, theirs = trajectories(run_of, fit, "softmax_cross_entropy", *extra)
    for position, name in enumerate(OPTIMIZERS):
        assert relative(ours.ended[position].theta, theirs.ended[position].theta) < 1e-10, name
        one, other = ours.epochs[position][0], theirs.epochs[position][0]
        assert one["train/loss"] == pytest.approx(other["train/loss"], rel=1e-12)
