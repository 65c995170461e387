"""Predictions of a trained network for raw features."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from harness.backends import Backend
from harness.contracts import Array, Task
from harness.errors import DataError
from harness.model.objective import Objective
from harness.prediction.description import Description
from harness.prediction.parameters import load_parameters
from harness.registry.registry import load_registry

__all__ = ["Predictor"]

_ROWS = 4096  # rows at a time: memory never holds all hidden activations of a large table


class Predictor:
    """A trained network, with the scaling of its data and the names of its classes.

    Features are a (N, F) array of numbers in the units of the dataset, or a pandas DataFrame, whose
    columns are taken by name if they have names of features. Categorical features are text, as in the
    dataset; a level that the training part had not is none of the others, and warned of. Every method
    raises DataError for anything else.

    Args:
        description: Description of the network.
        theta: Its parameters, (P,).
        backend: Backend that computes the network, in the dtype of the description.

    Raises:
        DataError: If a parameter is not finite.
    """

    def __init__(self, description: Description, theta: np.ndarray, backend: Backend) -> None:
        if not np.isfinite(theta).all():
            raise DataError("The parameters are not finite: the run that left them has diverged.")
        self.description = description
        self._scaling = description.scales
        self._backend = backend
        self._theta = backend.to_device(theta[None])
        self._program = backend.bind(description.network, Objective("none", _NoLoss()))

    @classmethod
    def load(cls, folder: Path | str) -> Self:
        """The predictor of a run, from its output folder.

        Raises:
            DataError: If its files cannot be used.
            ConfigurationError: If the backend that trained the network is not installed.
            MissingDependencyError: If a library of that backend is not installed.
        """
        description, theta = load_parameters(Path(folder))
        component = load_registry().component("backend", description.backend)
        with_dtype = any(field.name == "dtype" for field in fields(component))
        backend = component(**{"dtype": description.dtype} if with_dtype else {})
        backend.check()
        return cls(description, theta, backend)

    def outputs(self, features: Any) -> np.ndarray:
        """The outputs before the output activation (logits), (N, K) float64."""
        scaled = self._scaling.features.apply(self.description.inputs.encode(features))
        parts = [
            self._forward(scaled[start : start + _ROWS]) for start in range(0, len(scaled), _ROWS)
        ]
        return np.concatenate(parts) if parts else np.empty((0, self.description.sizes[-1]))

    def probabilities(self, features: Any) -> np.ndarray:
        """The probabilities of the classes, (N, classes) float64, whose rows sum to 1.

        For multilabel those of the labels, (N, labels). Raises DataError for regression.
        """
        if self.description.task is Task.REGRESSION:
            raise DataError("A regression has no probabilities; predict() gives its values.")
        outputs = self.outputs(features)
        if self.description.output_activation == "softmax":
            return _softmax(outputs)
        if self.description.task is Task.BINARY:
            return _sigmoid(np.hstack([-outputs, outputs]))  # 1 − σ(z) = σ(−z)
        return _sigmoid(outputs)

    def predict(self, features: Any) -> np.ndarray:
        """The predictions, by task.

        Returns:
            Names of classes, (N,); for multilabel 0 or 1, (N, labels); for regression values in the
            units of the dataset, (N, K), or (N,) if K is 1.
        """
        outputs = self.outputs(features)
        match self.description.task:
            case Task.REGRESSION:
                values = self._scaling.targets.inverse(outputs)
                return values[:, 0] if values.shape[1] == 1 else values
            case Task.MULTILABEL:
                return (outputs > 0).astype(np.int64)
        if self.description.output_activation == "softmax":
            indices = outputs.argmax(axis=1)
        else:
            indices = (outputs[:, 0] > 0).astype(np.int64)
        return np.array(self.description.classes)[indices]

    def _forward(self, x: np.ndarray) -> np.ndarray:
        forward = self._program.forward(self._theta, self._backend.to_device(x))
        return self._backend.to_host(forward.output)[0].astype(np.float64)


@dataclass(frozen=True)
class _NoLoss:
    """Stands in for the loss that a program needs: prediction takes no gradient."""

    tasks: ClassVar[frozenset[Task]] = frozenset(Task)
    default_for: ClassVar[frozenset[Task]] = frozenset()
    output_activation: ClassVar[str] = "identity"

    def value(self, output: Array, target: Array) -> Array:
        raise NotImplementedError

    def gradient(self, output: Array, target: Array) -> Array:
        raise NotImplementedError


def _softmax(z: np.ndarray) -> np.ndarray:
    exponentials = np.exp(z - z.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def _sigmoid(z: np.ndarray) -> np.ndarray:
    """Without overflow at either end: σ(z) = e^min(z, 0) / (1 + e^−|z|)."""
    return np.exp(np.minimum(z, 0)) / (1 + np.exp(-np.abs(z)))
