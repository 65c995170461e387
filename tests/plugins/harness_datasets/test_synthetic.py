from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import make_circles, make_moons
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from harness import ConfigurationError, Task
from harness_datasets import Circles, Gaussians, Moons, Spirals, Xor

ALL = (Circles, Gaussians, Moons, Spirals, Xor)


@settings(deadline=None, max_examples=30)
@given(st.sampled_from(ALL), st.integers(4, 200), st.integers(0, 2**63), st.floats(0, 10))
def test_the_same_data_at_every_call_and_classes_of_equal_size(component, samples, seed, noise):
    dataset = component(samples=samples, seed=seed, noise=noise)
    data, again = dataset.load(), dataset.load()
    np.testing.assert_array_equal(data.features, again.features)
    np.testing.assert_array_equal(data.targets, again.targets)
    assert data.features.shape == (samples, 2)
    assert data.features.dtype == np.float64
    counts = np.bincount(data.targets)
    assert counts.max() - counts.min() <= (2 if component is Xor else 1)
    other = component(samples=samples, seed=seed + 1, noise=noise + 1).load()
    assert not np.array_equal(data.features, other.features)


@pytest.mark.parametrize("component", [Circles, Moons, Spirals, Xor])
def test_noise_is_the_standard_deviation_around_the_shape(component):
    clean = component(samples=20_000, noise=0.0, seed=5).load()
    noisy = component(samples=20_000, noise=0.25, seed=5).load()
    difference = noisy.features - clean.features
    np.testing.assert_allclose(difference.std(axis=0), 0.25, rtol=0.03)
    np.testing.assert_allclose(difference.mean(axis=0), 0, atol=0.01)
    assert abs(np.corrcoef(difference.T)[0, 1]) < 0.03


@pytest.mark.parametrize("samples", [2, 7, 100])
def test_moons_are_scikit_learns(samples):
    points, targets = make_moons(samples, shuffle=False)
    data = Moons(samples, noise=0).load()
    np.testing.assert_array_equal(data.features, points)
    np.testing.assert_array_equal(data.targets, targets)


@pytest.mark.parametrize("samples", [2, 7, 100])
def test_circles_are_scikit_learns(samples):
    points, targets = make_circles(samples, shuffle=False, factor=0.3)
    data = Circles(samples, noise=0, factor=0.3).load()
    np.testing.assert_array_equal(data.features, points)
    np.testing.assert_array_equal(data.targets, targets)


def test_xor_is_the_truth_table():
    data = Xor(samples=4, noise=0).load()
    table = {
        tuple(point > 0): target for point, target in zip(data.features, data.targets, strict=True)
    }
    assert table == {(a, b): a ^ b for a in (False, True) for b in (False, True)}
    assert set(np.abs(data.features).ravel()) == {1.0}


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_spirals_are_one_arm_turned(classes):
    data = Spirals(samples=40 * classes, classes=classes, turns=1.25, noise=0).load()
    arms = [data.features[data.targets == arm] for arm in range(classes)]
    points = arms[0][:, 0] + 1j * arms[0][:, 1]
    radius = np.abs(points)
    np.testing.assert_allclose(radius, np.arange(1, 41) / 40)
    turned = np.unwrap(np.angle(points))
    np.testing.assert_allclose(turned - turned[0], 2 * np.pi * 1.25 * (radius - radius[0]))
    for number, arm in enumerate(arms):
        expected = points * np.exp(2j * np.pi * number / classes)
        np.testing.assert_allclose(arm[:, 0] + 1j * arm[:, 1], expected, atol=1e-12)


def test_gaussians_have_the_moments_asked_for():
    data = Gaussians(60_000, classes=3, features=4, noise=0.5, separation=7, seed=1).load()
    centers = []
    for cloud in range(3):
        points = data.features[data.targets == cloud]
        np.testing.assert_allclose(np.cov(points.T), 0.25 * np.eye(4), atol=0.01)
        centers.append(points.mean(axis=0))
    many = Gaussians(3000, classes=1000, features=4, noise=0, separation=7).load().features
    assert np.unique(many, axis=0).shape == (1000, 4)
    np.testing.assert_allclose(many.std(axis=0), 7, rtol=0.1)


@pytest.mark.parametrize("component", [Circles, Moons, Spirals, Xor])
def test_a_linear_model_fails_where_a_neighbour_does_not(component):
    data = component().load()
    linear = LogisticRegression().fit(data.features, data.targets)
    nearest = KNeighborsClassifier(1).fit(data.features[::2], data.targets[::2])
    limit = 0.92 if component is Moons else 0.75
    assert linear.score(data.features, data.targets) < limit
    assert nearest.score(data.features[1::2], data.targets[1::2]) > 0.96


def test_the_task_follows_the_number_of_classes():
    for component in (Gaussians, Spirals):
        assert component(classes=2).task is Task.BINARY
        assert component(classes=3).task is Task.MULTICLASS


@pytest.mark.parametrize(
    ("component", "options"),
    [
        *((component, {"samples": 1}) for component in ALL),
        *((component, {"noise": -0.1}) for component in ALL),
        *((component, {"noise": float("nan")}) for component in ALL),
        *((component, {"seed": -1}) for component in ALL),
        (Circles, {"factor": 1.0}),
        (Spirals, {"classes": 1}),
        (Spirals, {"samples": 3, "classes": 4}),
        (Spirals, {"turns": 0.0}),
        (Gaussians, {"classes": 1}),
        (Gaussians, {"features": 0}),
        (Gaussians, {"separation": -1.0}),
    ],
)
def test_settings_out_of_range_are_refused(component, options):
    with pytest.raises(
        ConfigurationError, match=f"'{next(iter(options))}' of {component.__name__}"
    ):
        component(**options)
