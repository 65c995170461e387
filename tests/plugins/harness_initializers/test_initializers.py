"""The initializers against the distributions of their papers, with fixed seeds.

Each statistical bound holds with probability 1 − 1e-6 if the code is right.
"""

from math import sqrt
from typing import Any

import numpy as np
import pytest
from scipy import stats

import harness
from harness import Layer
from harness_initializers import (
    Constant,
    FanInUniform,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    Normal,
    Orthogonal,
    Uniform,
    Zeros,
    harness_initializers,
)

SHAPE = (120, 250)  # fan_out, fan_in
LAYER = Layer(index=0, depth=2, fan_in=250, fan_out=120, activation="relu")
DOUBT = 1e-6

NORMAL = [
    (Normal(0.3, 0.7), 0.3, 0.7),
    (GlorotNormal(), 0.0, sqrt(2 / 370)),
    (HeNormal(), 0.0, sqrt(2 / 250)),
    (LecunNormal(), 0.0, sqrt(1 / 250)),
]
UNIFORM = [
    (Uniform(-0.2, 0.9), -0.2, 0.9),
    (FanInUniform(), -1 / sqrt(250), 1 / sqrt(250)),  # Glorot & Bengio 2010, eq. 1
    (GlorotUniform(), -sqrt(6) / sqrt(370), sqrt(6) / sqrt(370)),  # eq. 16
    (HeUniform(), -sqrt(6 / 250), sqrt(6 / 250)),
    (LecunUniform(), -sqrt(3 / 250), sqrt(3 / 250)),
]
DISTRIBUTIONS = [
    *((initializer, stats.norm(mean, std)) for initializer, mean, std in NORMAL),
    *((initializer, stats.uniform(low, high - low)) for initializer, low, high in UNIFORM),
]
every_distribution = pytest.mark.parametrize(
    ("initializer", "law"), DISTRIBUTIONS, ids=lambda part: type(part).__name__
)


def draw(initializer: Any, shape: tuple[int, ...] = SHAPE, layer: Layer = LAYER) -> np.ndarray:
    return initializer.sample(shape, layer, np.random.default_rng(7))


@every_distribution
def test_draws_follow_their_law(initializer: Any, law: Any) -> None:
    assert stats.kstest(draw(initializer).ravel(), law.cdf).pvalue > DOUBT


@every_distribution
def test_mean_and_variance(initializer: Any, law: Any) -> None:
    """By the central limit theorem: Var[x̄] = σ²/n, Var[s²] = (κ − 1)σ⁴/n with known mean."""
    mean, variance, excess = (float(moment) for moment in law.stats("mvk"))
    values = draw(initializer)
    bound = stats.norm.isf(DOUBT / 2)
    assert abs(values.mean() - mean) < bound * sqrt(variance / values.size)
    spread = np.mean((values - mean) ** 2)
    assert abs(spread / variance - 1) < bound * sqrt((excess + 2) / values.size)


@pytest.mark.parametrize(("initializer", "mean", "std"), NORMAL)
def test_chi_squared_of_the_normal_ones(initializer: Any, mean: float, std: float) -> None:
    values = draw(initializer)
    low, high = stats.chi2.interval(1 - DOUBT, values.size)
    assert low < np.sum(((values - mean) / std) ** 2) < high


@pytest.mark.parametrize(("initializer", "low", "high"), UNIFORM)
def test_the_uniform_ones_fill_their_interval(initializer: Any, low: float, high: float) -> None:
    """P(max < high − cw) = (1 − c)ⁿ for an interval of width w."""
    values = draw(initializer)
    corner = (high - low) * (1 - DOUBT ** (1 / values.size))
    assert low <= values.min() < low + corner
    assert high - corner < values.max() < high


@every_distribution
def test_biases_take_the_fans_of_their_layer(initializer: Any, law: Any) -> None:
    layer = Layer(index=0, depth=1, fan_in=250, fan_out=120, activation="identity")
    values = np.concatenate(
        [initializer.sample((120,), layer, np.random.default_rng(seed)) for seed in range(200)]
    )
    assert stats.kstest(values, law.cdf).pvalue > DOUBT


def test_zeros_and_constant() -> None:
    np.testing.assert_array_equal(draw(Zeros()), np.zeros(SHAPE))
    np.testing.assert_array_equal(draw(Constant(-0.25), (4,)), np.full(4, -0.25))


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (5, 8), (8, 5), (30, 30)])
def test_orthogonal_rows_or_columns(shape: tuple[int, int]) -> None:
    w = draw(Orthogonal(gain=1.5), shape)
    gram = w @ w.T if shape[0] <= shape[1] else w.T @ w
    np.testing.assert_allclose(gram, 1.5**2 * np.eye(min(shape)), atol=1e-13)


def test_orthogonal_is_haar_distributed() -> None:
    """A Haar matrix's first column is uniform on the sphere: in 3 dimensions each part is U[−1, 1].

    Its determinant is +1 or −1 with the same probability. Without the sign fix both fail.
    """
    rng = np.random.default_rng(7)
    matrices = np.stack([Orthogonal().sample((3, 3), LAYER, rng) for _ in range(4000)])
    for i, j in np.ndindex(3, 3):
        assert stats.kstest(matrices[:, i, j], stats.uniform(-1, 2).cdf).pvalue > DOUBT
    positive = int(np.sum(np.linalg.det(matrices) > 0))
    assert stats.binomtest(positive, 4000).pvalue > DOUBT


def test_orthogonal_trace_has_the_haar_moments() -> None:
    """Of O(n): E[tr] = 0, E[tr²] = 1 (Diaconis & Shahshahani 1994); scipy's draw beside ours."""
    rng = np.random.default_rng(7)
    traces = [np.trace(Orthogonal().sample((6, 6), LAYER, rng)) for _ in range(4000)]
    scipys = np.trace(stats.ortho_group.rvs(6, 4000, random_state=rng), axis1=1, axis2=2)
    assert stats.ks_2samp(traces, scipys).pvalue > DOUBT
    bound = stats.norm.isf(DOUBT / 2)
    assert abs(np.mean(traces)) < bound / sqrt(4000)
    assert abs(np.mean(np.square(traces)) - 1) < bound * np.std(np.square(traces)) / sqrt(4000)


def test_orthogonal_biases_are_refused() -> None:
    with pytest.raises(harness.ConfigurationError, match=r"Got shape \(10,\).*bias_initializer"):
        draw(Orthogonal(), (10,))


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        (Constant, {"value": float("nan")}, "'value' of Constant"),
        (Normal, {"mean": float("inf")}, r"'mean' of Normal must be in the range \(-inf, inf\)"),
        (Normal, {"std": -1.0}, r"'std' of Normal must be in the range \[0, inf\). Got -1.0"),
        (Uniform, {"low": float("-inf")}, "'low' of Uniform"),
        (Uniform, {"low": 0.5, "high": 0.2}, r"'high' of Uniform .* \[0.5, inf\). Got 0.2"),
        (Orthogonal, {"gain": 0.0}, r"'gain' of Orthogonal must be in the range \(0, inf\)"),
    ],
)
def test_settings_out_of_range_are_refused(kind: Any, settings: Any, message: str) -> None:
    with pytest.raises(harness.ConfigurationError, match=message):
        kind(**settings)


def test_the_hook_hands_out_every_initializer() -> None:
    assert harness_initializers() == {
        "zeros": Zeros,
        "constant": Constant,
        "normal": Normal,
        "uniform": Uniform,
        "fan_in_uniform": FanInUniform,
        "glorot_normal": GlorotNormal,
        "glorot_uniform": GlorotUniform,
        "he_normal": HeNormal,
        "he_uniform": HeUniform,
        "lecun_normal": LecunNormal,
        "lecun_uniform": LecunUniform,
        "orthogonal": Orthogonal,
    }
    for kind in harness_initializers().values():
        assert isinstance(kind(), harness.Initializer)
