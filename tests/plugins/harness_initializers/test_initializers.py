"""The initializers against the distributions of their papers, with fixed seeds.

Each statistical bound holds with probability 1 − 1e-6 if the code is right.
"""

from math import sqrt
from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

import harness
from harness import Layer
from harness.model.activations import ACTIVATIONS, activate
from harness_initializers import (
    Constant,
    FanInUniform,
    Fixup,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    Identity,
    LecunNormal,
    LecunUniform,
    Lsuv,
    Normal,
    Orthogonal,
    Sparse,
    TruncatedNormal,
    Uniform,
    VarianceScaling,
    Zeros,
    harness_initializers,
)
from harness_initializers.gains import gain_of

SHAPE = (120, 250)  # fan_out, fan_in
LAYER = Layer(index=0, depth=2, fan_in=250, fan_out=120, activation="relu")
DOUBT = 1e-6

NORMAL = [
    (Normal(0.3, 0.7), 0.3, 0.7),
    (GlorotNormal(), 0.0, sqrt(2 / 370)),
    (HeNormal(), 0.0, sqrt(2 / 250)),
    (LecunNormal(), 0.0, sqrt(1 / 250)),
    (VarianceScaling(), 0.0, sqrt(2 / 250)),
    (VarianceScaling("fan_out", gain=0.5), 0.0, 0.5 / sqrt(120)),
]
UNIFORM = [
    (Uniform(-0.2, 0.9), -0.2, 0.9),
    (FanInUniform(), -1 / sqrt(250), 1 / sqrt(250)),  # Glorot & Bengio 2010, eq. 1
    (GlorotUniform(), -sqrt(6) / sqrt(370), sqrt(6) / sqrt(370)),  # eq. 16
    (HeUniform(), -sqrt(6 / 250), sqrt(6 / 250)),
    (LecunUniform(), -sqrt(3 / 250), sqrt(3 / 250)),
    (VarianceScaling("fan_avg", "uniform", gain=1), -sqrt(6 / 370), sqrt(6 / 370)),  # Glorot's
]
TRUNCATED = [
    (TruncatedNormal(0.3, 0.7), 0.3, 0.7, 2.0),
    (TruncatedNormal(0.0, 0.1, cut=1.0), 0.0, 0.1, 1.0),
    # Keras divides the deviation by that of a standard normal cut at two, so that the variance is right
    (
        VarianceScaling("fan_in", "truncated_normal"),
        0.0,
        sqrt(2 / 250) / stats.truncnorm(-2, 2).std(),
        2.0,
    ),
]
DISTRIBUTIONS = [
    *((initializer, stats.norm(mean, std)) for initializer, mean, std in NORMAL),
    *((initializer, stats.uniform(low, high - low)) for initializer, low, high in UNIFORM),
    *(
        (initializer, stats.truncnorm(-cut, cut, mean, std))
        for initializer, mean, std, cut in TRUNCATED
    ),
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
    layer = Layer(index=0, depth=1, fan_in=250, fan_out=120, activation="relu")
    values = np.concatenate(
        [initializer.sample((120,), layer, np.random.default_rng(seed)) for seed in range(200)]
    )
    assert stats.kstest(values, law.cdf).pvalue > DOUBT


ODD = [(1, 997), (997, 1), (1, 1), (2, 3), (31, 37), (127, 13)]  # fan_out, fan_in
BY_FANS = {  # standard deviation for fan_in, fan_out
    GlorotNormal(): lambda i, o: sqrt(2 / (i + o)),
    GlorotUniform(): lambda i, o: sqrt(2 / (i + o)),
    HeNormal(): lambda i, o: sqrt(2 / i),
    HeUniform(): lambda i, o: sqrt(2 / i),
    LecunNormal(): lambda i, o: sqrt(1 / i),
    LecunUniform(): lambda i, o: sqrt(1 / i),
    VarianceScaling("fan_out", "normal"): lambda i, o: sqrt(2 / o),
    VarianceScaling("fan_avg", "uniform", 3.0): lambda i, o: 3 / sqrt((i + o) / 2),
    VarianceScaling("fan_in", "truncated_normal"): lambda i, o: sqrt(2 / i),
    FanInUniform(): lambda i, o: 1 / sqrt(3 * i),
    Fixup(): lambda i, o: sqrt(2 / i),  # of the first layer
    Orthogonal(gain=2.0): lambda i, o: 2 / sqrt(max(i, o)),
    Sparse(): lambda i, o: sqrt(min(15, i) / i),
    Sparse(connections=2, std=0.5): lambda i, o: 0.5 * sqrt(min(2, i) / i),
}


@pytest.mark.parametrize("shape", ODD)
@pytest.mark.parametrize("initializer", BY_FANS, ids=repr)
def test_moments_on_odd_shapes(initializer: Any, shape: tuple[int, int]) -> None:
    fan_out, fan_in = shape
    std = BY_FANS[initializer](fan_in, fan_out)
    assert_moments(initializer, shape, 0.0, std)


FIXED = [
    (Normal(0.3, 0.7), 0.3, 0.7),
    (Uniform(-0.2, 0.9), 0.35, 1.1 / sqrt(12)),
    (TruncatedNormal(0.3, 0.7, cut=1.5), 0.3, 0.7 * stats.truncnorm(-1.5, 1.5).std()),
]


@pytest.mark.parametrize("shape", ODD)
@pytest.mark.parametrize(("initializer", "mean", "std"), FIXED)
def test_fixed_moments_on_odd_shapes(
    initializer: Any, mean: float, std: float, shape: tuple[int, int]
) -> None:
    assert_moments(initializer, shape, mean, std)


@pytest.mark.parametrize("shape", ODD)
def test_moments_with_the_gain_of_the_activation_on_odd_shapes(shape: tuple[int, int]) -> None:
    fan_out, fan_in = shape
    for initializer, std in (
        (VarianceScaling(), 5 / 3 / sqrt(fan_in)),
        (VarianceScaling("fan_avg", "uniform"), 5 / 3 / sqrt((fan_in + fan_out) / 2)),
        (Orthogonal(gain=None), 5 / 3 / sqrt(max(fan_in, fan_out))),
    ):
        assert_moments(initializer, shape, 0.0, std, "tanh")


def assert_moments(
    initializer: Any, shape: tuple[int, int], mean: float, std: float, activation: str = "relu"
) -> None:
    """Of 200 matrices: their means and mean squares are independent, so that theirs are about normal."""
    fan_out, fan_in = shape
    layer = Layer(index=0, depth=2, fan_in=fan_in, fan_out=fan_out, activation=activation)
    assert initializer.moments(layer) == pytest.approx((mean, std), rel=1e-12)
    rng = np.random.default_rng(11)
    draws = np.stack([initializer.sample(shape, layer, rng) for _ in range(200)])
    bound = stats.t(199).isf(DOUBT / 2)
    for actual, expected in ((draws, mean), (np.square(draws), std**2 + mean**2)):
        means = actual.mean(axis=(1, 2))
        # 1e-12: every orthogonal matrix has the same mean square
        assert abs(means.mean() - expected) < bound * means.std(ddof=1) / sqrt(200) + 1e-12


@pytest.mark.parametrize(
    ("activation", "gain"),
    [
        ("identity", 1.0),
        ("sigmoid", 1.0),
        ("tanh", 5 / 3),
        ("relu", sqrt(2)),
        ("leaky_relu", sqrt(2 / (1 + 0.3**2))),
    ],
)
def test_gains_are_torchs(activation: str, gain: float) -> None:
    init = pytest.importorskip("torch").nn.init
    name = {"identity": "linear"}.get(activation, activation)
    layer = Layer(0, 2, 1, 1, activation, slope=0.3)
    assert gain_of(layer) == pytest.approx(gain, rel=1e-15)
    assert gain_of(layer) == pytest.approx(init.calculate_gain(name, 0.3), rel=1e-12)


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "elu", "gelu", "silu", "softplus"])
def test_gains_keep_the_mean_square_of_a_normal_signal(activation: str) -> None:
    """g² E[σ(z)²] = 1 for z ~ N(0, 1), by quadrature."""
    layer = Layer(0, 2, 1, 1, activation, slope=0.3)

    def integrand(z: float) -> float:
        return float(activate(activation, 0.3, np.array([z]))[0] ** 2 * stats.norm.pdf(z))

    square = sum(quad(integrand, *ends, epsabs=1e-12)[0] for ends in ((-12, 0), (0, 12)))
    assert gain_of(layer) ** 2 * square == pytest.approx(1, rel=1e-9)


def test_every_activation_has_a_gain_but_the_unknown() -> None:
    unknown = gain_of(Layer(0, 2, 1, 1, "mish"))
    assert unknown == 1.0
    gains = {name: gain_of(Layer(0, 2, 1, 1, name)) for name in ACTIVATIONS}
    assert {name for name, gain in gains.items() if gain == 1.0} == {"identity", "sigmoid"}


@pytest.mark.parametrize("kind", [HeNormal, HeUniform])
def test_he_knows_the_slope_of_leaky_relu(kind: Any) -> None:
    """Eq. 15: ½(1 + ε²) fan_in Var = 1."""
    layer = Layer(0, 2, 250, 120, "leaky_relu", slope=0.5)
    _, std = kind().moments(layer)
    assert 0.5 * (1 + 0.5**2) * 250 * std**2 == pytest.approx(1, rel=1e-12)
    np.testing.assert_allclose(draw(kind(), layer=layer), draw(kind()) / sqrt(1.25), rtol=1e-9)


def test_he_for_relu_draws_what_it_always_drew() -> None:
    """Published numbers: the bits of N(0, 2 / fan_in), and for every activation without a slope."""
    for activation in set(ACTIVATIONS) - {"leaky_relu"}:
        layer = Layer(0, 2, 250, 120, activation, slope=0.5)
        expected = np.random.default_rng(7).normal(0.0, np.sqrt(2 / 250), SHAPE)
        np.testing.assert_array_equal(draw(HeNormal(), layer=layer), expected)


@pytest.mark.parametrize("initializer", [i for i, *_ in TRUNCATED], ids=repr)
def test_truncated_draws_stay_within_their_cut(initializer: Any) -> None:
    (mean, std, cut) = next(rest for i, *rest in TRUNCATED if i == initializer)
    values = draw(initializer)
    assert np.abs(values - mean).max() <= cut * std
    assert np.abs(values - mean).max() > 0.99 * cut * std  # fails with a chance below 1e-50


@pytest.mark.parametrize("shape", [*ODD, (64, 64)])
def test_sparse_units_have_exactly_so_many_connections(shape: tuple[int, int]) -> None:
    weights = draw(Sparse(connections=7), shape)
    np.testing.assert_array_equal(np.count_nonzero(weights, axis=1), min(7, shape[1]))


def test_sparse_connections_are_equally_likely_and_normal() -> None:
    """Chi-squared of how often each input is chosen by 4,000 units. (Without replacement, each unit's
    choices repel one another: the statistic is smaller than χ² by (1 − 3/12)·12/11.)"""
    weights = draw(Sparse(connections=3, std=0.5), (4000, 12))
    chosen = np.count_nonzero(weights, axis=0)
    statistic = np.sum((chosen - 1000) ** 2 / 1000) / (1 - 3 / 12) * 11 / 12
    assert stats.chi2(11).sf(statistic) > DOUBT
    assert stats.chi2(11).cdf(statistic) > DOUBT
    assert stats.kstest(weights[weights != 0], stats.norm(0, 0.5).cdf).pvalue > DOUBT


@pytest.mark.parametrize("shape", ODD)
def test_identity_passes_its_input_on(shape: tuple[int, int]) -> None:
    x = np.arange(1.0, shape[1] + 1)
    actual = draw(Identity(gain=2.0), shape) @ x
    room = min(shape)
    np.testing.assert_array_equal(actual[:room], 2 * x[:room])
    np.testing.assert_array_equal(actual[room:], 0)


@pytest.mark.parametrize("shape", ODD)
def test_identity_states_its_exact_moments(shape: tuple[int, int]) -> None:
    weights = draw(Identity(gain=-3.0), shape)
    layer = Layer(0, 2, shape[1], shape[0], "relu")
    assert Identity(gain=-3.0).moments(layer) == pytest.approx((weights.mean(), weights.std()))


@pytest.mark.parametrize(
    ("hidden", "branch", "scales"),
    [
        (1, 2, [1]),
        (3, 2, [1, 1, 1]),  # two inner layers are one branch
        (5, 2, [1, 2**-0.5, 2**-0.5, 2**-0.5, 2**-0.5]),  # L = 2, m = 2: L^(-1/2)
        (10, 3, [1, *[3**-0.25] * 9]),  # L = 3, m = 3: L^(-1/4)
        (9, 3, [1, *[3**-0.25] * 8]),  # a branch that is cut short counts
    ],
)
def test_fixup_is_hes_scaled(hidden: int, branch: int, scales: list[float]) -> None:
    for index in range(hidden):
        layer = Layer(index, hidden + 1, 250, 120, "relu")
        expected = scales[index] * draw(HeNormal(), layer=layer)
        np.testing.assert_allclose(draw(Fixup(branch), layer=layer), expected, rtol=1e-12)
    output = Layer(hidden, hidden + 1, 250, 120, "identity")
    np.testing.assert_array_equal(draw(Fixup(branch), layer=output), 0)


def test_zeros_and_constant() -> None:
    np.testing.assert_array_equal(draw(Zeros()), np.zeros(SHAPE))
    np.testing.assert_array_equal(draw(Constant(-0.25), (4,)), np.full(4, -0.25))


@pytest.mark.parametrize("shape", [*ODD, (5, 8), (8, 5), (30, 30)])
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


def test_orthogonal_follows_the_activation_where_asked_to() -> None:
    layer = Layer(0, 2, 250, 120, "tanh")
    expected = 5 / 3 * draw(Orthogonal())
    np.testing.assert_allclose(draw(Orthogonal(gain=None), layer=layer), expected, rtol=1e-12)


@pytest.mark.parametrize("kind", [Orthogonal, Sparse, Identity, Lsuv, Fixup])
def test_biases_are_refused_where_they_have_no_meaning(kind: Any) -> None:
    message = rf"{kind.__name__} initializes weights.*Got shape \(10,\).*bias_initializer"
    with pytest.raises(harness.ConfigurationError, match=message):
        draw(kind(), (10,))


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        (Constant, {"value": float("nan")}, "'value' of Constant"),
        (Normal, {"mean": float("inf")}, r"'mean' of Normal must be in the range \(-inf, inf\)"),
        (Normal, {"std": -1.0}, r"'std' of Normal must be in the range \[0, inf\). Got -1.0"),
        (Uniform, {"low": float("-inf")}, "'low' of Uniform"),
        (Uniform, {"low": 0.5, "high": 0.2}, r"'high' of Uniform .* \[0.5, inf\). Got 0.2"),
        (TruncatedNormal, {"cut": 0.5}, r"'cut' of TruncatedNormal .* \[1, inf\). Got 0.5"),
        (VarianceScaling, {"mode": "fan"}, "must be one of fan_in, fan_out, fan_avg. Got 'fan'"),
        (VarianceScaling, {"distribution": "cauchy"}, "'distribution' of VarianceScaling"),
        (VarianceScaling, {"gain": 0.0}, "'gain' of VarianceScaling"),
        (Sparse, {"connections": 0}, "'connections' of Sparse"),
        (Identity, {"gain": float("nan")}, "'gain' of Identity"),
        (Fixup, {"branch": 1}, r"'branch' of Fixup must be in the range \[2, inf\). Got 1"),
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
        "identity": Identity,
        "normal": Normal,
        "truncated_normal": TruncatedNormal,
        "uniform": Uniform,
        "fan_in_uniform": FanInUniform,
        "glorot_normal": GlorotNormal,
        "glorot_uniform": GlorotUniform,
        "he_normal": HeNormal,
        "he_uniform": HeUniform,
        "lecun_normal": LecunNormal,
        "lecun_uniform": LecunUniform,
        "variance_scaling": VarianceScaling,
        "orthogonal": Orthogonal,
        "sparse": Sparse,
        "lsuv": Lsuv,
        "fixup": Fixup,
    }
    for kind in harness_initializers().values():
        assert isinstance(kind(), harness.Initializer)
        assert isinstance(kind(), harness.DataDependentInitializer) == (kind is Lsuv)
