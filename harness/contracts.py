"""What the parts of a comparison promise each other.

A *component* is a frozen dataclass with behaviour. Its fields are its configuration: the core turns
the class into a typed Hydra node and the composed node back into an instance, so a component has one
place for its defaults and ships no YAML. `__post_init__` checks ranges (see `fields.py`).

Shapes use these letters: R runs of a stack, B samples of a batch, F features, K outputs, P parameters
of a run, S steps. Arrays are NumPy arrays, PyTorch tensors or anything else a backend brings; what a
component may do with them is arithmetic and `array_namespace(x)`, the array API standard.

All of this together, hooks included, is the contract and has a version. A plugin states the one that
it was written for as `harness_contract = 1` in its module; one that states none is taken to be of
version 1, which was there before the statement.
"""

from __future__ import annotations

from dataclasses import dataclass
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

CONTRACT_VERSION = 1  # a whole number; raised when a plugin that keeps the old one would break
OLDEST_CONTRACT = 1  # that plugins may be written for

Array = Any  # a NumPy array, a PyTorch tensor, ...: the array API has no common base class
State = dict[str, Any]  # optimizer slots by name


class Task(StrEnum):
    """What a dataset asks of a network."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    MULTILABEL = "multilabel"
    REGRESSION = "regression"


class Scope(Enum):
    """How much of θ an update rule must see at once."""

    ELEMENT = "element"  # any slice: the core may walk the vector in pieces
    TENSOR = "tensor"  # one parameter with its own shape, leading run axis kept
    VECTOR = "vector"  # the whole (R, P)
    OBJECTIVE = "objective"  # the same, and gradients of the batch at other points: see `Batch`
    BACKEND = "backend"  # no formula: a backend that knows the class runs it by itself


# --- optimizers and schedules ---------------------------------------------------------------------


@runtime_checkable
class Optimizer(Protocol):
    """An update rule, written once for every backend.

    It never prints, stops, logs or reads a clock. A float field arrives as a float, or as an (R, 1)
    array (or a symbol that stands for one) where the runs of a stack differ, and so do `lr` and `t`: a
    rule computes with them and never branches on them.

    A rule of scope TENSOR may choose another one for some parameters, with a method
    `for_parameter(layer: Layer, shape: tuple[int, ...]) -> rule`: Muon leaves biases and the output
    layer to AdamW. It is asked at every step, with float fields as in `step`, for any (fan_out, fan_in)
    or (fan_out,); what it returns needs `init` and `step` alone.

    A rule may say with a method `evaluated(theta, state) -> theta` at which parameters the network is to
    be judged, where those are others than it takes gradients at: a mean of them, say. Validation, the
    best parameters and the test are at these, and training goes on from θ. `theta` and `state` are as in
    `step`, and left as they are; it is asked at the end of an epoch.

    It may have a method `check(backend, network)`, which is called before anything is trained and
    raises ConfigurationError or MissingDependencyError where the rule cannot run there; the widths that
    the data decide are not those of `network` yet. A rule of scope BACKEND must have it, and raises the
    same from `init` and `step`, which a backend that does not know its class would call.

    One that stands for several rules says by `called`, a property, which of them it is: runs of
    different rules are no rivals in successive halving.
    """

    scope: ClassVar[Scope]

    @property
    def lr(self) -> float:
        """The base learning rate η; the schedule multiplies it."""

    def init(self, theta: Array) -> State:
        """The state before the first step: named arrays of the dtype of `theta` (may be empty).

        With scope ELEMENT they are shaped like `theta`; with TENSOR and VECTOR it is enough that the
        axis of the runs leads.
        """

    def step(
        self, theta: Array, gradient: Array, state: State, *, lr: Any, t: Any
    ) -> tuple[Array, State]:
        """One update.

        theta, gradient: (R, P), or the part of it that `scope` allows. lr: the scheduled rate of this
        step, used in place of `self.lr`. t: the number of this step, from 1; runs of a stack may be at
        different ones. Returns the new θ and the new state, with the same names; the arguments are
        left as they are. A rule of scope OBJECTIVE is called with one keyword more, `batch: Batch`.
        """


class Batch(Protocol):
    """The objective on the samples of a step, for what needs more of it than the gradient at θ.

    Each further gradient takes as long as the first. Runs are rows, as in `step`; what is returned is
    the caller's to keep.
    """

    def gradient(self, theta: Array, where: Array | None = None) -> Array:
        """∂ℒ/∂θ on the same samples at these parameters, (R, P).

        At those that the step began with it is there already, before any wrapper has changed it, and
        costs nothing: a difference of two gradients has to be of two that come from here.

        where: truth values, (R, 1), of the runs that want it; the others get zeros, and where no run
        wants it nothing is computed. By default all do.
        """

    def signs(self, where: Array | None = None) -> Array:
        """Independent draws of +1 or −1, equally likely, (R, P): each run's own, new at each step.

        where: as for `gradient`.
        """


class Turn(Enum):
    """When a wrapper has its turn in a step, and what it then changes."""

    GRADIENT = "gradient"  # the gradient, before anything is stepped
    BEFORE = "before"  # θ, before the rule steps it
    AFTER = "after"  # θ, once the rule has stepped it


@runtime_checkable
class Wrapper(Protocol):
    """What is done around any update rule: to the gradient that it gets, or to θ before or after it.

    It is called as a rule is, at its own scope whatever that of the rule is, and the same holds for it:
    see `Optimizer`, whose `for_parameter` and `evaluated` it may have as well. Of several, the one named
    first is outermost: it is the first to change the gradient, and the last to change θ after the step.
    """

    scope: ClassVar[Scope]  # any but BACKEND
    turn: ClassVar[Turn]

    def init(self, theta: Array) -> State:
        """As for a rule."""

    def step(
        self, changed: Array, other: Array, state: State, *, lr: Any, t: Any
    ) -> tuple[Array, State]:
        """What becomes of the first array, and the new state.

        changed, other: at Turn.GRADIENT the gradient and θ; else θ and the gradient that the rule gets.
        The rest is as for a rule, and the arguments are left as they are.
        """


@dataclass(frozen=True)
class Horizon:
    """How long a schedule has: `epochs` passes of `steps_per_epoch` steps (warm-up taken off)."""

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
        """step: (S,) float64 step numbers from 0, warm-up taken off. Returns (S,) factors."""


@runtime_checkable
class AdaptiveSchedule(Schedule, Protocol):
    """A schedule that watches the validation metric, too.

    What a run has come to is the core's to keep: the method is a function of it and keeps nothing.
    """

    def factor_after(self, values: np.ndarray) -> float:
        """A further factor for the whole epoch that is next; `factor` is multiplied with it.

        values: (E,) float64, what `training.stopping.metric` was after each epoch that is over, those
        with warm-up in them left out: E may be 0. Lower is better; a metric of which higher is better
        comes with its sign changed. NaN where it is not defined.
        """


# --- initializers ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Layer:
    """Where in the network a parameter sits: what an initializer may need to know."""

    index: int  # 0 is the layer that reads the features
    depth: int  # layers in all, the output layer included
    fan_in: int
    fan_out: int
    activation: str  # of this layer's output; "identity" for the output layer
    slope: float = 0.01  # ε of leaky_relu, max(a, εa); the other activations have none


@runtime_checkable
class Initializer(Protocol):
    """Initial weights or biases, drawn on the host so that every backend starts from the same.

    It may say with a method `moments(layer) -> (mean, std)` what mean and standard deviation the weights
    of a layer have; `harness check` then holds samples against that.
    """

    def sample(self, shape: tuple[int, ...], layer: Layer, rng: np.random.Generator) -> np.ndarray:
        """A float64 array of `shape`: (fan_out, fan_in) for weights, (fan_out,) for biases."""


@runtime_checkable
class DataDependentInitializer(Initializer, Protocol):
    """An initializer of weights that looks at the data.

    The samples are the run's own, the same for every optimizer, batch size and backend: the first 256
    rows of the training part in the order of its first epoch, or all where there are fewer.
    """

    def adjusted(self, weights: np.ndarray, layer: Layer, inputs: np.ndarray) -> np.ndarray:
        """What becomes of the weights that `sample` has drawn; called layer by layer from the first.

        weights: (fan_out, fan_in) float64. inputs: (B, fan_in) float64, what reaches the layer through
        the adjusted layers before it. Returns float64 weights of the same shape; the arguments are left
        as they are. It draws nothing. Biases are not adjusted.
        """


# --- losses ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Forward:
    """What a forward pass keeps: output (R, B, K), and hidden activations, (R, B, n) a layer."""

    output: Array
    hidden: tuple[Array, ...] = ()


@runtime_checkable
class Loss(Protocol):
    """A main loss ℒ₁: what the output of the network is held against.

    `output_activation` ("softmax", "sigmoid" or "identity") turns outputs into predictions; the loss
    itself reads the outputs before it (the logits). Targets come as floats shaped like the outputs:
    one-hot e(y) for softmax, 0 and 1 for sigmoid, values for identity.
    """

    tasks: ClassVar[frozenset[Task]]
    default_for: ClassVar[frozenset[Task]]  # the tasks for which `loss=auto` takes this loss
    output_activation: ClassVar[str]

    def value(self, output: Array, target: Array) -> Array:
        """output: (R, B, K); target: (R, B, K), or (B, K) shared. Returns the batch means, (R,)."""

    def gradient(self, output: Array, target: Array) -> Array:
        """∂value/∂output, (R, B, K): the 1/B of the batch mean is in it."""


@runtime_checkable
class AuxiliaryLoss(Protocol):
    """An additional term ℒₖ on the outputs or the hidden activations; the objective brings the λₖ."""

    reads: ClassVar[str]  # "output" or "hidden"; a hidden one is summed over the hidden layers
    output_activations: ClassVar[frozenset[str]]  # the heads it makes sense with

    def value(self, values: Array) -> Array:
        """values: (R, B, n) outputs, or activations of one hidden layer. Returns batch means, (R,)."""

    def gradient(self, values: Array) -> Array:
        """∂value/∂values, (R, B, n)."""


# --- data -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Data:
    """What a dataset hands out: whole, unscaled and in a fixed order.

    features: (N, F) floats. targets: (N,) class numbers from 0 for binary and multiclass, (N, L) of 0
    and 1 for multilabel, (N,) or (N, K) floats for regression. `test_size`: the last so many rows are
    an official test part; 0 where the core is to draw one.
    """

    features: np.ndarray
    targets: np.ndarray
    source: str
    classes: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()
    test_size: int = 0


@runtime_checkable
class Dataset(Protocol):
    """A source of data. Splitting, stratifying and scaling are the core's."""

    @property
    def task(self) -> Task:
        """Known before anything is loaded, so that a wrong loss is reported at once."""

    def load(self) -> Data:
        """The same data at every call. Raises DataError in words a person can act on."""


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
