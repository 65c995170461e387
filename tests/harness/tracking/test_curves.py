import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.tracking.curves import Curve, mean_curve

curves = st.lists(
    st.dictionaries(st.integers(1, 6), st.floats(-10, 10) | st.just(float("nan")), max_size=6),
    min_size=1,
    max_size=4,
)


@given(curves)
@settings(deadline=None, max_examples=60)
def test_the_mean_carries_the_last_finite_value_of_each_run_on(runs):
    mean = mean_curve(
        [Curve(np.array(sorted(run), int), np.array([run[e] for e in sorted(run)])) for run in runs]
    )
    expected = {}
    for step in sorted({step for run in runs for step in run}):
        values = []
        for run in runs:
            finite = [e for e, value in run.items() if np.isfinite(value)]
            if finite and step > max(finite):
                values.append(run[max(finite)])
            elif step in finite:
                values.append(run[step])
        if values:
            expected[step] = np.mean(values)
    assert mean.steps.tolist() == list(expected)
    np.testing.assert_allclose(mean.values, list(expected.values()), rtol=1e-12, atol=1e-12)
