"""Predictions against scikit-learn's networks: their trained weights, put into ours."""

import warnings
from dataclasses import dataclass

import numpy as np
import pandas
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

from harness.contracts import Task
from harness.data.scaling import Affine, Scaling, fit
from harness.errors import ConfigurationError, DataError
from harness.prediction.description import Description
from harness.prediction.parameters import save_parameters
from harness.prediction.predictor import Predictor

SKLEARN = {"identity": "identity", "sigmoid": "logistic", "tanh": "tanh", "relu": "relu"}


def trained(network, features, targets):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return network.fit(features, targets)


def theta_of(network):
    parts = zip(network.coefs_, network.intercepts_, strict=True)
    return np.concatenate([np.append(weight.T.ravel(), bias) for weight, bias in parts])


def predictor_of(folder, network, activation, task, head, classes, scaling):
    sizes = (network.coefs_[0].shape[0], *(weight.shape[1] for weight in network.coefs_))
    description = Description(
        sizes=sizes,
        activation=activation,
        slope=0.01,
        bias=True,
        task=task,
        output_activation=head,
        classes=classes,
        feature_names=tuple(f"x{i + 1}" for i in range(sizes[0])),
        scaling=scaling.to_dict(),
        backend="numpy",
        dtype="float64",
    )
    save_parameters(folder, description, theta_of(network))
    return Predictor.load(folder)


@dataclass
class Case:
    features: np.ndarray
    scaled: np.ndarray
    network: object
    predictor: Predictor


@pytest.fixture(params=list(SKLEARN))
def iris(request, tmp_path):
    features, labels = load_iris(return_X_y=True)
    scaling = Scaling(fit(features, "standard"), Affine.identity(3))
    scaled = scaling.features.apply(features)
    network = MLPClassifier((8, 5), activation=SKLEARN[request.param], max_iter=30, random_state=0)
    trained(network, scaled, labels)
    names = ("setosa", "versicolor", "virginica")
    predictor = predictor_of(
        tmp_path, network, request.param, Task.MULTICLASS, "softmax", names, scaling
    )
    return Case(features, scaled, network, predictor)


def test_several_classes(iris):
    expected = iris.network.predict_proba(iris.scaled)
    np.testing.assert_allclose(
        iris.predictor.probabilities(iris.features), expected, rtol=1e-9, atol=1e-12
    )
    names = np.array(["setosa", "versicolor", "virginica"])
    assert iris.predictor.predict(iris.features).tolist() == names[expected.argmax(axis=1)].tolist()


@pytest.fixture
def binary(tmp_path):
    features, labels = load_breast_cancer(return_X_y=True)
    scaling = Scaling(fit(features, "standard"), Affine.identity(1))
    scaled = scaling.features.apply(features)
    network = trained(MLPClassifier((4,), max_iter=20, random_state=0), scaled, labels)
    predictor = predictor_of(
        tmp_path, network, "relu", Task.BINARY, "sigmoid", ("malignant", "benign"), scaling
    )
    return Case(features, scaled, network, predictor)


def test_two_classes_with_one_output(binary):
    expected = binary.network.predict_proba(binary.scaled)
    np.testing.assert_allclose(
        binary.predictor.probabilities(binary.features), expected, rtol=1e-9, atol=1e-12
    )
    names = np.array(["malignant", "benign"])[binary.network.predict(binary.scaled)]
    assert binary.predictor.predict(binary.features).tolist() == names.tolist()


def test_several_labels(tmp_path):
    features, classes = load_iris(return_X_y=True)
    labels = np.stack([classes > 0, classes == 1, features[:, 0] > 6], axis=1).astype(int)
    scaling = Scaling(fit(features, "minmax"), Affine.identity(3))
    scaled = scaling.features.apply(features)
    network = trained(MLPClassifier((6,), max_iter=50, random_state=0), scaled, labels)
    predictor = predictor_of(tmp_path, network, "relu", Task.MULTILABEL, "sigmoid", (), scaling)
    np.testing.assert_allclose(
        predictor.probabilities(features), network.predict_proba(scaled), rtol=1e-9, atol=1e-12
    )
    assert predictor.predict(features).tolist() == network.predict(scaled).tolist()


@pytest.mark.parametrize("columns", [1, 2])
def test_values_come_back_in_their_own_units(tmp_path, columns):
    features, target = load_diabetes(return_X_y=True)
    targets = np.stack([target, 1000 + 3 * target], axis=1)[:, :columns]
    scaling = Scaling(fit(features, "standard"), fit(targets, "standard"))
    scaled = scaling.features.apply(features)
    network = MLPRegressor(hidden_layer_sizes=(6,), activation="tanh", max_iter=50, random_state=0)
    trained(network, scaled, scaling.targets.apply(targets).squeeze())
    predictor = predictor_of(tmp_path, network, "tanh", Task.REGRESSION, "identity", (), scaling)
    expected = network.predict(scaled).reshape(-1, columns) * targets.std(axis=0) + targets.mean(
        axis=0
    )
    np.testing.assert_allclose(predictor.predict(features), expected.squeeze(), rtol=1e-9)
    with pytest.raises(DataError, match="no probabilities"):
        predictor.probabilities(features)


# --- features -------------------------------------------------------------------------------------


def test_a_table_is_taken_by_the_names_of_its_columns(binary):
    names = list(binary.predictor.description.feature_names)
    table = pandas.DataFrame(binary.features, columns=names)
    shuffled = table[names[::-1]].assign(patient=range(len(table)))
    expected = binary.predictor.outputs(binary.features)
    np.testing.assert_array_equal(binary.predictor.outputs(shuffled), expected)
    unnamed = pandas.DataFrame(binary.features)
    np.testing.assert_array_equal(binary.predictor.outputs(unnamed), expected)
    with pytest.raises(DataError, match="lacks 1 features of the network: x7"):
        binary.predictor.outputs(table.drop(columns="x7"))


def test_rows_are_predicted_alone_as_together(binary):
    many = np.tile(binary.features, (15, 1))  # more than one piece
    together = binary.predictor.outputs(many)
    assert together.shape == (len(many), 1)
    alone = np.concatenate([binary.predictor.outputs(row[None]) for row in binary.features[:5]])
    np.testing.assert_allclose(together[:5], alone, rtol=1e-12)
    np.testing.assert_allclose(together[-569:], together[:569], rtol=1e-12)


def test_no_rows_give_no_predictions(binary):
    assert binary.predictor.predict(np.empty((0, 30))).shape == (0,)
    assert binary.predictor.probabilities(np.empty((0, 30))).shape == (0, 2)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (np.zeros(30), r"shape \(rows, 30\).*Got \(30,\)"),
        (np.zeros((2, 29)), r"Got \(2, 29\)"),
        (np.full((2, 30), np.nan), r"Row 1 \(the first is 1\) has nan in 'x1'"),
        ([["a"] * 30], "must be numbers"),
        ([[1.0], [1.0, 2.0]], "must be numbers"),
    ],
)
def test_features_that_do_not_fit_are_refused(binary, features, message):
    with pytest.raises(DataError, match=message):
        binary.predictor.predict(features)


def test_extreme_outputs_give_probabilities_without_overflow(binary):
    probabilities = binary.predictor.probabilities(np.vstack([binary.features * 1e8] * 2))
    assert np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


# --- loading --------------------------------------------------------------------------------------


def test_a_diverged_network_predicts_nothing(binary):
    theta = np.full(binary.predictor.description.network.size, np.nan)
    with pytest.raises(DataError, match="diverged"):
        Predictor(binary.predictor.description, theta, binary.predictor._backend)


def test_the_precision_is_that_of_the_training(iris):
    assert iris.predictor._theta.dtype == np.float64


def test_a_backend_that_is_not_installed_is_named(binary, tmp_path):
    path = tmp_path / "description.json"
    path.write_text(path.read_text().replace('"numpy"', '"nunpy"'))
    with pytest.raises(ConfigurationError, match="Did you mean 'numpy'"):
        Predictor.load(tmp_path)
