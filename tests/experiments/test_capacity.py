"""What a network of a shape can tell apart at all."""

from __future__ import annotations

import numpy as np
import pytest

from harness.data.preparing import Split, prepare
from harness.prediction.predictor import Predictor
from harness_datasets.gaussians import Gaussians
from harness_datasets.moons import Moons

pytestmark = pytest.mark.slow


def test_an_mlp_without_hidden_activation_is_a_linear_model(train_preset):
    from sklearn.linear_model import LogisticRegression

    runs = train_preset("linear_mlp")
    data = Moons(noise=0.2)
    prepared = prepare(data.load(), data.task, "sigmoid", Split())
    reference = LogisticRegression(C=np.inf, tol=1e-8)
    reference.fit(prepared.train.features, prepared.train.labels)
    expected = reference.decision_function(
        prepared.scaling.features.apply(np.asarray(data.load().features, float))
    )

    def decisions(**chosen):
        features = data.load().features
        return [Predictor.load(run.folder).outputs(features)[:, 0] for run in runs.where(**chosen)]

    linear = decisions(network__activation="identity", network__hidden="[]")
    deep = decisions(network__activation="identity", network__hidden="[16, 16]")
    for decision in (*linear, *deep):
        assert np.abs(decision - expected).max() < 0.03 * np.abs(expected).max()
        assert np.mean((decision > 0) == (expected > 0)) > 0.995
    for decision in decisions(network__activation="tanh", network__hidden="[16, 16]"):
        assert np.mean((decision > 0) == (expected > 0)) < 0.95
    identity = runs.where(network__activation="identity").values("best/train/loss")
    assert np.ptp(identity) < 1e-4
    deep_tanh = runs.where(network__activation="tanh", network__hidden="[16, 16]")
    assert deep_tanh.values("best/train/loss").max() < 0.5 * identity.min()


@pytest.mark.full
def test_hidden_units_separate_what_a_linear_model_cannot(train_preset):
    runs = train_preset("hidden_units")

    def accuracies(dataset, hidden):
        return runs.where(dataset=dataset, network__hidden=hidden).values("test/accuracy")

    for hidden in ("[]", "[1]"):
        assert accuracies("xor", hidden).max() < 0.8  # three corners of four
        assert accuracies("circles", hidden).max() < 0.7
    assert accuracies("xor", "[2]").max() > 0.95
    assert np.median(accuracies("xor", "[3]")) > 0.95
    assert np.median(accuracies("xor", "[4]")) > 0.98
    assert accuracies("circles", "[2]").max() < 0.85
    assert np.median(accuracies("circles", "[3]")) > 0.9
    assert np.median(accuracies("circles", "[4]")) > 0.92


@pytest.mark.full
def test_the_weights_of_a_neuron_are_orthogonal_to_its_hyperplane(train_preset):
    runs = train_preset("single_neuron")
    data = Gaussians(classes=2, separation=2, seed=3, samples=2000).load()
    centres = [data.features[data.targets == label].mean(axis=0) for label in (0, 1)]
    for run in runs:
        parameters = run.parameters
        weights, bias = parameters["layer1.weight"][0], parameters.get("layer1.bias", np.zeros(1))
        boundary = _boundary(Predictor.load(run.folder))
        along = boundary[1:] - boundary[0]
        cosines = along @ weights / np.linalg.norm(along, axis=1) / np.linalg.norm(weights)
        assert np.abs(cosines).max() < 1e-3
        distances = boundary @ weights / np.linalg.norm(weights)
        assert distances == pytest.approx(-bias[0] / np.linalg.norm(weights), abs=1e-3)
    for run in runs.where(network__bias="True"):
        weights, between = run.parameters["layer1.weight"][0], centres[1] - centres[0]
        cosine = weights @ between / np.linalg.norm(weights) / np.linalg.norm(between)
        assert cosine > np.cos(np.radians(5))  # the direction of the best one
        assert run.metrics["test/accuracy"] > 0.95
    assert runs.where(network__bias="False").values("test/accuracy").max() < 0.7


def _boundary(predictor: Predictor) -> np.ndarray:
    """Points with probability ½, (n, 2): on lines in two directions, where the outcome changes sides.

    Found by halving, from predictions alone.
    """
    points = []
    for offset in np.linspace(-4, 4, 9):
        for low, high in (([offset, -20], [offset, 20]), ([-20, offset], [20, offset])):
            ends = np.array([low, high], float)
            side = predictor.probabilities(ends)[:, 1] > 0.5
            if side[0] == side[1]:
                continue
            for _ in range(40):
                middle = ends.mean(axis=0)
                ends[int((predictor.probabilities(middle[None])[0, 1] > 0.5) == side[1])] = middle
            points.append(ends.mean(axis=0))
    assert len(points) > 5
    return np.array(points)
