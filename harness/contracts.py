"""What the parts of a comparison promise each other.

A *component* is a frozen dataclass with behaviour. Its fields are its configuration: the core turns
the class into a typed Hydra node, and the composed node back into an instance. So a component states
its defaults once and ships no YAML. `__post_init__` checks ranges (see `fields.py`).

Shapes use these letters: R runs of a stack, B samples of a batch, F features, K outputs, P parameters
of a run, S steps, N rows of a dataset. Arrays are NumPy arrays, PyTorch tensors or what else a backend
brings; a component computes with their operators and with `array_namespace(x)`, the array API standard.

All of this, hooks included, is the contract and has a version. A plugin states the version that it was
written for as `harness_contract = 1` in its module; without that, version 1 is assumed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np

__all__ = [
    "CONTRACT_VERSION",
    "OLDEST_CONTRACT",
    "AdaptiveSchedule",
    "Array",
    "AuxiliaryLoss",
    "Batch",
    "Data",
    "DataDependentInitializer",
    "Dataset",
    "Forward",
    "Horizon",
    "Initializer",
    "Layer",
    "Loss",
    "Optimizer",
    "Schedule",
    "Scope",
    "State",
    "Task",
    "Turn",
    "Wrapper",
    "array_namespace",
]

CONTRACT_VERSION = 1
"""Version of the contract, a whole number: raised when a plugin written for the old one would break."""

OLDEST_CONTRACT = 1
"""Oldest version that a plugin may be written for."""

Array = Any
"""A NumPy array, a PyTorch tensor, ...: the array API has no common base class."""

State = dict[str, Any]
"""What a rule remembers from step to step: arrays, called slots, by name."""


class Task(StrEnum):
    """What a dataset asks of a network.

    Attributes:
        BINARY: One of two classes.
        MULTICLASS: One of several classes.
        MULTILABEL: Each of several labels: does it apply?
        REGRESSION: One or several real numbers.
    """

    BINARY = "binary"
    MULTICLASS = "multiclass"
    MULTILABEL = "multilabel"
    REGRESSION = "regression"


class Scope(Enum):
    """How much of θ a rule must see at once.

    Attributes:
        ELEMENT: One number at a time; the core may cut θ into any pieces.
        TENSOR: One parameter at a time, in its own shape behind the axis of the runs: (R, *shape).
        VECTOR: All of θ, (R, P).
        OBJECTIVE: All of θ, and gradients of the batch at other points; see `Batch`.
        BACKEND: No formula: a backend that knows the class runs it itself.
    """

    ELEMENT = "element"
    TENSOR = "tensor"
    VECTOR = "vector"
    OBJECTIVE = "objective"
    BACKEND = "backend"


@dataclass(frozen=True)
class Forward:
    """What a forward pass keeps.

    Attributes:
        output: Outputs before the output activation (logits), (R, B, K).
        hidden: Activations of each hidden layer of n units, (R, B, n).
    """

    output: Array
    hidden: tuple[Array, ...] = ()


# --- optimizers and schedules ---------------------------------------------------------------------


@runtime_checkable
class Optimizer(Protocol):
    """An update rule, written once for every backend.

    It never prints, stops, logs or reads a clock. Where the runs of a stack differ in a float field,
    `step` finds an (R, 1) array in it, or a symbol that stands for one, and the same holds for `lr` and
    `t`: a rule computes with them and never branches on them.

    A rule may have further methods:

    `for_parameter(layer: Layer, shape: tuple[int, ...]) -> rule`, with scope TENSOR, chooses another
    rule for some parameters: Muon leaves biases and the output layer to AdamW. `shape` is (fan_out,
    fan_in) or (fan_out,). It is asked at every step, with float fields as in `step`; the rule that it
    returns needs `init` and `step` alone.

    `evaluated(theta, state) -> theta` returns the parameters at which the network is judged, where these
    are not those of the gradients: a mean of them, say. Validation, the best parameters and the test use
    them, and training goes on from θ. It is asked at the end of each epoch and leaves its arguments as
    they are.

    `check(backend, network)` is called before anything is trained and raises ConfigurationError or
    MissingDependencyError where the rule cannot run there. The widths that the data decide are not yet
    those of `network`. With scope BACKEND it is required, and `init` and `step`, which only a backend
    that does not know the class would call, raise the same error.

    `called`, a property, names the rule that this one stands for, where one class stands for several:
    runs of different rules are no rivals in successive halving.

    Attributes:
        scope: How much of θ it must see at once.
    """

    scope: ClassVar[Scope]

    @property
    def lr(self) -> float:
        """The base learning rate η; the schedule multiplies it."""

    def init(self, theta: Array) -> State:
        """The state before the first step: arrays by name, with the dtype of `theta`; it may be empty.

        Args:
            theta: Initial parameters, (R, P), or the part of them that `scope` allows. With scope
                ELEMENT each slot has this shape; otherwise it is enough that the axis of the runs leads.
        """

    def step(
        self, theta: Array, gradient: Array, state: State, *, lr: Any, t: Any
    ) -> tuple[Array, State]:
        """One update. With scope OBJECTIVE it is called with one more keyword, `batch: Batch`.

        Args:
            theta: Parameters, (R, P), or the part of them that `scope` allows.
            gradient: Gradient ∂ℒ/∂θ of the same shape.
            state: Slots as `init` or the last step returned them.
            lr: Learning rate of this step, from the schedule; it takes the place of `self.lr`.
            t: Number of this step, from 1; runs of a stack may be at different ones.

        Returns:
            The new θ and the new state, with the same names. The arguments are left as they are.
        """


class Batch(Protocol):
    """The objective on the samples of a step, for rules that need more of it than the gradient at θ.

    Each extra gradient takes as long as the first. Runs are rows, as in `step`. The caller may keep what
    is returned.
    """

    def gradient(self, theta: Array, where: Array | None = None) -> Array:
        """∂ℒ/∂θ at other parameters, on the samples of this step, (R, P).

        At the parameters that the step began with it costs nothing: that gradient is there already, as
        it was before any wrapper changed it. For a difference of two gradients, take both from here.

        Args:
            theta: Parameters, (R, P).
            where: Which runs want it, (R, 1) of truth values; by default all. The others get zeros.
                Where no run wants it, nothing is computed.
        """

    def signs(self, where: Array | None = None) -> Array:
        """Independent draws of +1 or −1, equally likely, (R, P): each run has its own, new at each step.

        Args:
            where: Which runs want them, as for `gradient`.
        """


class Turn(Enum):
    """When a wrapper has its turn in a step, and what it then changes.

    Attributes:
        GRADIENT: Changes the gradient, before anything is stepped.
        BEFORE: Changes θ, before the rule steps it.
        AFTER: Changes θ, once the rule has stepped it.
    """

    GRADIENT = "gradient"
    BEFORE = "before"
    AFTER = "after"


@runtime_checkable
class Wrapper(Protocol):
    """A change around any update rule: of the gradient that it gets, or of θ before or after its step.

    A wrapper is called as a rule is, at its own scope, whatever the scope of the rule. What `Optimizer`
    says of rules holds for it, too, `for_parameter` and `evaluated` included. Of several wrappers the
    one named first is outermost: it is the first to change the gradient, and the last to change θ after
    the step.

    Attributes:
        scope: How much of θ it must see at once; any but BACKEND.
        turn: When it has its turn, and what it changes.
    """

    scope: ClassVar[Scope]
    turn: ClassVar[Turn]

    def init(self, theta: Array) -> State:
        """The state before the first step, as for a rule.

        Args:
            theta: Initial parameters, (R, P), or the part of them that `scope` allows.
        """

    def step(
        self, changed: Array, other: Array, state: State, *, lr: Any, t: Any
    ) -> tuple[Array, State]:
        """One step of the wrapper. With scope OBJECTIVE there is one more keyword, `batch: Batch`.

        Args:
            changed: What it changes, (R, P) or a part of it. At Turn.GRADIENT the gradient, else θ.
            other: What it may read beside, of the same shape. At Turn.GRADIENT θ, else the gradient that
                the rule gets.
            state: Slots as `init` or the last step returned them.
            lr: Learning rate of this step.
            t: Number of this step, from 1.

        Returns:
            What becomes of `changed`, and the new state. The arguments are left as they are.
        """


@dataclass(frozen=True)
class Horizon:
    """How long a schedule has, without the warm-up.

    Attributes:
        steps_per_epoch: Steps of an epoch.
        epochs: Passes over the training part.
    """

    steps_per_epoch: int
    epochs: float

    @property
    def steps(self) -> float:
        """All steps of the run."""
        return self.steps_per_epoch * self.epochs


@runtime_checkable
class Schedule(Protocol):
    """The learning rate over time, as a factor of the optimizer's `lr`."""

    def factor(self, step: np.ndarray, horizon: Horizon) -> np.ndarray:
        """The factor of each step, (S,).

        Args:
            step: Step numbers from 0 without the warm-up, (S,) float64.
            horizon: How long the schedule has.
        """


@runtime_checkable
class AdaptiveSchedule(Schedule, Protocol):
    """A schedule that watches the validation metric, too.

    The core keeps the history of a run: the method is a function of it and keeps nothing.
    """

    def factor_after(self, values: np.ndarray) -> float:
        """A further factor for the whole of the next epoch; it multiplies `factor`.

        Args:
            values: Validation metric `training.stopping.metric` after each epoch so far, (E,) float64,
                without the epochs that have warm-up in them: E may be 0. Lower is better: a metric
                whose higher values are better comes negated. NaN where it is not defined.
        """


# --- initializers ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Layer:
    """Where in the network a parameter sits, for initializers and for rules that tell layers apart.

    Attributes:
        index: Number of the layer; 0 reads the features.
        depth: Number of all layers, the output layer included.
        fan_in: Units, or features, that it reads.
        fan_out: Units that it has.
        activation: Activation of its units, by name; "identity" for the output layer.
        slope: ε of leaky_relu, max(a, εa); the other activations have none.
    """

    index: int
    depth: int
    fan_in: int
    fan_out: int
    activation: str
    slope: float = 0.01


@runtime_checkable
class Initializer(Protocol):
    """Initial weights or biases, drawn on the host so that every backend starts from the same.

    A method `moments(layer) -> (mean, std)` may state the mean and the standard deviation of the weights
    of a layer; `harness check` then holds samples against these.
    """

    def sample(self, shape: tuple[int, ...], layer: Layer, rng: np.random.Generator) -> np.ndarray:
        """Draws a parameter, as float64.

        Args:
            shape: Shape to return: (fan_out, fan_in) for weights, (fan_out,) for biases.
            layer: Layer of the parameter.
            rng: Source of all randomness. Each layer of a run has its own, and draws its weights first.
        """


@runtime_checkable
class DataDependentInitializer(Initializer, Protocol):
    """An initializer of weights that looks at the data.

    It sees the first 256 rows of the training part in the order of the run's first epoch, or all where
    there are fewer: the same for every optimizer, batch size and backend.
    """

    def adjusted(self, weights: np.ndarray, layer: Layer, inputs: np.ndarray) -> np.ndarray:
        """What becomes of the weights that `sample` drew: float64 of the same shape.

        It is called layer by layer from the first, draws nothing and leaves its arguments as they are.
        Biases are not adjusted.

        Args:
            weights: Weights, (fan_out, fan_in) float64.
            layer: Their layer.
            inputs: What reaches the layer through the adjusted layers before it, (B, fan_in) float64.
        """


# --- losses ---------------------------------------------------------------------------------------


@runtime_checkable
class Loss(Protocol):
    """A main loss ℒ₁: how far the outputs of the network are from the targets.

    It reads the outputs before the output activation (the logits). Targets come as floats in the shape
    of the outputs: one-hot for softmax, 0 and 1 for sigmoid, values for identity.

    Attributes:
        tasks: Tasks that it is meant for.
        default_for: Tasks for which `loss=auto` takes it.
        output_activation: What turns outputs into predictions: "softmax", "sigmoid" or "identity".
    """

    tasks: ClassVar[frozenset[Task]]
    default_for: ClassVar[frozenset[Task]]
    output_activation: ClassVar[str]

    def value(self, output: Array, target: Array) -> Array:
        """The mean over the batch, (R,).

        Args:
            output: Outputs, (R, B, K).
            target: Targets, (R, B, K), or (B, K) where all runs share them.
        """

    def gradient(self, output: Array, target: Array) -> Array:
        """∂value/∂output, (R, B, K): the 1/B of the mean is in it.

        Args:
            output: Outputs, (R, B, K).
            target: Targets, (R, B, K), or (B, K) where all runs share them.
        """


@runtime_checkable
class AuxiliaryLoss(Protocol):
    """An additional term ℒₖ on outputs or hidden activations; its factor λₖ is the objective's.

    Attributes:
        reads: What it reads: "output", or "hidden" for the sum over all hidden layers.
        output_activations: Output activations of the main losses that it makes sense with.
    """

    reads: ClassVar[str]
    output_activations: ClassVar[frozenset[str]]

    def value(self, values: Array) -> Array:
        """The mean over the batch, (R,).

        Args:
            values: Outputs, or activations of one hidden layer, (R, B, n).
        """

    def gradient(self, values: Array) -> Array:
        """∂value/∂values, (R, B, n).

        Args:
            values: Outputs, or activations of one hidden layer, (R, B, n).
        """


# --- data -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Data:
    """What a dataset hands out: whole, unscaled and in a fixed order.

    Attributes:
        features: Features, (N, F) floats.
        targets: Class numbers from 0 for binary and multiclass, (N,); 0 and 1 for multilabel, (N, L);
            floats for regression, (N,) or (N, K).
        source: Origin of the data, for messages and logs.
        classes: Names of the classes or labels, by number; by default their numbers.
        feature_names: Names of the features; by default x1, x2, …
        test_size: Rows at the end that are an official test part; 0 lets the core draw one.
        categories: Names of the levels of each categorical feature, by its column; its features are the
            numbers of the levels, from 0. The core makes a column of 0 and 1 of each level that the
            training part has; a row of any other level has 0 in all of them.
    """

    features: np.ndarray
    targets: np.ndarray
    source: str
    classes: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()
    test_size: int = 0
    categories: Mapping[int, tuple[str, ...]] = field(default_factory=dict)


@runtime_checkable
class Dataset(Protocol):
    """A source of data. Splitting, stratifying and scaling are the core's."""

    @property
    def task(self) -> Task:
        """The task, known before anything is loaded: a loss that does not fit is reported at once."""

    def load(self) -> Data:
        """The same data at every call. Raises DataError in words that a person can act on."""


# --- what components use --------------------------------------------------------------------------


def array_namespace(x: Array) -> Any:
    """The array API namespace of `x`: `numpy` for NumPy, array-api-compat's for the rest.

    >>> array_namespace(np.zeros(3)).__name__
    'numpy'
    """
    try:
        return x.__array_namespace__()  # 20 times faster than the general lookup, and it is hot
    except AttributeError:
        import array_api_compat

        return array_api_compat.array_namespace(x)
