import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import accuracy_score, f1_score, r2_score

from harness.contracts import Task
from harness.errors import ConfigurationError
from harness.evaluation.metrics import (
    LOSS,
    METRICS,
    PRIMARY,
    decide,
    evaluate,
    metric_named,
    metric_names,
)

GRID = st.integers(-16, 16).map(lambda n: n / 8)  # exact in float32, with ties
DTYPES = st.sampled_from([np.float32, np.float64])


@st.composite
def outputs_of(draw, minimum=1, maximum=4, samples=1):
    runs, outputs = draw(st.integers(1, 4)), draw(st.integers(minimum, maximum))
    shape = (runs, draw(st.integers(samples, 12)), outputs)
    return draw(hnp.arrays(draw(DTYPES), shape, elements=GRID))


def labels_for(data, shape, classes):
    return data.draw(hnp.arrays(np.int64, shape, elements=st.integers(0, classes - 1)))


def assert_as_sklearn(actual, labels, decisions):
    expected = {
        "accuracy": [accuracy_score(labels, run) for run in decisions],
        "macro_f1": [f1_score(labels, run, average="macro", zero_division=0) for run in decisions],
    }
    assert expected.keys() == actual.keys()
    for name, values in expected.items():
        assert actual[name].dtype == np.float64
        np.testing.assert_allclose(actual[name], values, rtol=0, atol=1e-12)


@given(
    outputs=outputs_of(minimum=2),
    activation=st.sampled_from(["softmax", "identity"]),
    data=st.data(),
)
@settings(deadline=None, max_examples=40)
def test_multiclass_agrees_with_sklearn(outputs, activation, data):
    labels = labels_for(data, outputs.shape[1], outputs.shape[2])

    actual = evaluate(outputs, labels, Task.MULTICLASS, activation)

    assert_as_sklearn(actual, labels, outputs.argmax(axis=-1))


@given(outputs=outputs_of(maximum=1), data=st.data())
@settings(deadline=None, max_examples=40)
def test_binary_of_one_output_agrees_with_sklearn(outputs, data):
    labels = labels_for(data, outputs.shape[1], 2)
    probability = 1 / (1 + np.exp(-outputs[..., 0].astype(float)))

    actual = evaluate(outputs, labels, Task.BINARY, "sigmoid")

    assert_as_sklearn(actual, labels, (probability > 0.5).astype(int))


@given(outputs=outputs_of(minimum=2, maximum=2), data=st.data())
@settings(deadline=None, max_examples=20)
def test_binary_of_two_outputs_agrees_with_sklearn(outputs, data):
    labels = labels_for(data, outputs.shape[1], 2)

    actual = evaluate(outputs, labels, Task.BINARY, "softmax")

    assert_as_sklearn(actual, labels, outputs.argmax(axis=-1))


@given(
    outputs=outputs_of(minimum=2),
    activation=st.sampled_from(["sigmoid", "identity"]),
    data=st.data(),
)
@settings(deadline=None, max_examples=40)
def test_multilabel_agrees_with_sklearn(outputs, activation, data):
    labels = labels_for(data, outputs.shape[1:], 2)
    threshold = {"sigmoid": 0, "identity": 0.5}[activation]

    actual = evaluate(outputs, labels, Task.MULTILABEL, activation)

    assert_as_sklearn(actual, labels, (outputs > threshold).astype(int))


@given(outputs=outputs_of(samples=2), data=st.data())
@settings(deadline=None, max_examples=60)
def test_r2_agrees_with_sklearn(outputs, data):
    values = data.draw(hnp.arrays(np.float64, outputs.shape[1:], elements=GRID))
    for column in data.draw(st.sets(st.integers(0, values.shape[1] - 1))):
        values[:, column] = values[0, column]  # constant, and perhaps met exactly
        if data.draw(st.booleans()):
            outputs[:, :, column] = values[0, column]

    actual = evaluate(outputs, values, Task.REGRESSION, "identity")["r2"]

    expected = [r2_score(values, run) for run in outputs.astype(float)]
    assert actual.dtype == np.float64
    np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=1e-12)


def test_many_classes_take_memory_with_their_number_and_not_its_square():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2000, 50)
    outputs = rng.standard_normal((3, 50, 2000))
    outputs[:, np.arange(25), labels[:25]] = 9
    tracemalloc.start()
    scores = evaluate(outputs, labels, Task.MULTICLASS, "softmax")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2e6  # a table of classes by classes would be 96 MB
    for run, decisions in enumerate(outputs.argmax(axis=-1)):
        assert scores["accuracy"][run] == accuracy_score(labels, decisions)
        expected = f1_score(labels, decisions, average="macro", zero_division=0)
        assert scores["macro_f1"][run] == pytest.approx(expected, rel=1e-12)


def test_a_worked_example():
    # decisions 0 0 1 1 and 0 1 1 2 against the labels 0 0 1 1
    outputs = np.eye(3)[[[0, 0, 1, 1], [0, 1, 1, 2]]]

    actual = evaluate(outputs, np.array([0, 0, 1, 1]), Task.MULTICLASS, "softmax")

    np.testing.assert_allclose(actual["accuracy"], [1, 1 / 2])
    # class 0: 1 of 1 decided, 1 of 2 true: 2/3; class 1: 1 of 2, 1 of 2: 1/2; class 2: 0
    np.testing.assert_allclose(actual["macro_f1"], [1, (2 / 3 + 1 / 2 + 0) / 3])


def test_targets_of_one_regression_output_may_be_a_vector():
    outputs = np.array([[[1.0], [2.0], [4.0]]])

    actual = evaluate(outputs, np.array([1.0, 2.0, 3.0]), Task.REGRESSION, "identity")

    np.testing.assert_allclose(actual["r2"], [1 - 1 / 2])


@pytest.mark.parametrize("value", [0.1, 14.62, 1 / 3, -0.7, 1e-9, 3e8, 0.0, 1e-300])
@pytest.mark.parametrize("rows", [2, 3, 7, 60])
@pytest.mark.parametrize("noise", [False, True])
def test_r2_of_equal_values_is_one_or_zero(value, rows, noise):
    """The mean of equal values is not always their value: 3 × 0.1 / 3 is 0.10000000000000002."""
    targets = np.full(rows, value)
    if noise and value:  # what is left of arithmetic, as in 0.1 + 0.2 beside 0.3
        targets[0] = np.nextafter(value, np.inf)
    wrong = np.full((2, rows, 1), value)
    wrong[1] += 0.05
    with np.errstate(over="raise"):
        scores = evaluate(wrong, targets, Task.REGRESSION, "identity")["r2"]
    assert scores.tolist() == [1, 0]
    in_float32 = evaluate(wrong.astype(np.float32), targets, Task.REGRESSION, "identity")["r2"]
    if value not in (3e8, 1e-300):  # which 0.05 does not change, and which is 0
        assert in_float32.tolist() == [1, 0]


def test_an_output_with_one_value_does_not_decide_the_mean():
    targets = np.column_stack([[1.0, 2.0, 3.0], np.full(3, 0.1)])
    outputs = np.stack([targets, targets + np.array([0.0, 0.05])])
    scores = evaluate(outputs, targets, Task.REGRESSION, "identity")["r2"]
    np.testing.assert_allclose(scores, [1, 0.5])


@pytest.mark.parametrize("unit", [1e-200, 1e200, 1e-310])
def test_r2_has_no_unit(unit):
    values = np.array([1.0, 2.0, 4.0])
    outputs = np.array([1.5, 2.0, 3.0])[None, :, None]
    expected = evaluate(outputs, values, Task.REGRESSION, "identity")["r2"]
    found = evaluate(unit * outputs, unit * values, Task.REGRESSION, "identity")["r2"]
    np.testing.assert_allclose(found, expected)


def test_small_differences_of_large_values_are_no_rounding():
    targets = 1e6 + np.array([0.0, 1e-3, 2e-3])
    scores = evaluate(targets[None, :, None], targets, Task.REGRESSION, "identity")["r2"]
    assert scores == 1
    mean = np.full((1, 3, 1), targets.mean())
    assert evaluate(mean, targets, Task.REGRESSION, "identity")["r2"] == pytest.approx(0, abs=1e-6)


def test_r2_of_one_sample_is_not_a_number():
    assert np.isnan(
        evaluate(np.ones((2, 1, 1)), np.ones(1), Task.REGRESSION, "identity")["r2"]
    ).all()


@pytest.mark.parametrize("task", list(Task))
def test_the_names_are_those_of_the_values(task):
    outputs = np.zeros((2, 4, 3 if task != Task.BINARY else 1))
    targets = np.zeros((4, 3) if task in (Task.MULTILABEL, Task.REGRESSION) else 4, dtype=int)

    actual = evaluate(outputs, targets, task, "identity")

    assert metric_names(task) == tuple(actual)
    assert all(metric_named(name).maximize for name in actual)
    assert sum(task in metric.tasks for metric in PRIMARY) == 1
    assert metric_names(task)[0] in {metric.name for metric in PRIMARY}


def test_what_is_no_score_is_a_loss_or_a_term_of_it():
    assert metric_named("loss") is LOSS
    assert not LOSS.maximize
    assert metric_named("squared_error").label == "squared_error"
    assert not metric_named("squared_error").maximize


@pytest.mark.parametrize("metric", METRICS.values(), ids=list(METRICS))
@pytest.mark.filterwarnings("ignore")
def test_scores_are_finite_from_the_fewest_rows_on(metric):
    for task in metric.tasks if metric is not LOSS else ():
        for rows in range(1, metric.fewest_rows + 2):
            outputs = np.zeros((1, rows, 3 if task != Task.BINARY else 1))
            shape = (rows, 3) if task in (Task.MULTILABEL, Task.REGRESSION) else rows
            scores = evaluate(outputs, np.zeros(shape, dtype=int), task, "identity")
            assert np.isfinite(scores[metric.name]).all() == (rows >= metric.fewest_rows)


@pytest.mark.parametrize("task", list(Task))
def test_a_diverged_run_does_not_disturb_its_neighbours(task):
    rng = np.random.default_rng(0)
    outputs = rng.normal(size=(3, 20, 1 if task == Task.BINARY else 3)).astype(np.float32)
    targets = rng.integers(0, 2, (20, 3) if task in (Task.MULTILABEL, Task.REGRESSION) else 20)
    alone = evaluate(outputs[:1], targets, task, "identity")
    outputs[1], outputs[2] = np.nan, np.inf

    actual = evaluate(outputs, targets, task, "identity")

    for name, values in actual.items():
        assert alone[name][0] == values[0]
    if task == Task.REGRESSION:
        assert not np.isfinite(actual["r2"][1:]).any()


def test_softmax_outputs_are_not_decided_one_by_one():
    with pytest.raises(ConfigurationError, match=r"multilabel task 'softmax'.*identity, sigmoid"):
        decide(np.zeros((1, 2, 3)), Task.MULTILABEL, "softmax")
