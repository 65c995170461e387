"""All settings of a run as one typed tree, whose fields are the keys of the configuration."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from harness.configuration.phase import Phase, is_phase
from harness.contracts import AuxiliaryLoss
from harness.data.preparing import Split
from harness.errors import ConfigurationError
from harness.evaluation.halving import Halving
from harness.evaluation.stopping import Stopping
from harness.fields import check_choice, check_range, stated_fields

__all__ = [
    "GROUPS",
    "NONE",
    "WRAPPER",
    "AutoLoss",
    "Config",
    "ObjectiveSettings",
    "Run",
    "Tracking",
    "Training",
]

GROUPS = {  # group of the configuration -> kind of component (None: the core's own)
    "backend": "backend",
    "dataset": "dataset",
    "network": None,
    "optimizer": "optimizer",
    "schedule": "schedule",
    "initializer": "initializer",
    "bias_initializer": "initializer",
    "loss": "loss",
}

WRAPPER = "wrapper"  # the group, and kind: a configuration may choose several of them, or none
NONE = "none"  # what the group is set to for no wrapper


@dataclass(frozen=True)
class AutoLoss:
    """The loss that fits the dataset's task: softmax for several classes, sigmoid for two, …"""


@dataclass(frozen=True)
class Training:
    """The loop.

    Attributes:
        batch_size: Samples a step: 1 for stochastic descent, "full" for the whole training part.
        max_epochs: Passes over the training part, at most.
        steps_per_epoch: Steps after which an epoch ends, on rows that are drawn anew for each epoch;
            null for a whole pass.
        warmup_epochs: Epochs in which the rate rises linearly to `optimizer.lr`.
        reference_batch_size: Batch size for which `optimizer.lr` is meant: the rate is scaled by
            batch_size / reference_batch_size (Goyal et al. 2017); null does not scale it.
        test: Whether the test part is read at the end; false while settings are chosen.
        stopping: When a run stops early, and with which parameters it ends.
        halving: When runs are compared with one another, and how many go on.
    """

    batch_size: int | str = 32
    max_epochs: int = 100
    steps_per_epoch: int | None = None
    warmup_epochs: float = 0.0
    reference_batch_size: int | None = None
    test: bool = True
    stopping: Stopping = field(default_factory=Stopping)
    halving: Halving = field(default_factory=Halving)

    def __post_init__(self) -> None:
        if isinstance(self.batch_size, str) and self.batch_size != "full":
            raise ConfigurationError(
                f"'batch_size' must be a positive number of samples or 'full'. "
                f"Got {self.batch_size!r}."
            )
        if not isinstance(self.batch_size, str):
            check_range(self, "batch_size", 1)
        check_range(self, "max_epochs", 1)
        if self.steps_per_epoch is not None:
            check_range(self, "steps_per_epoch", 1)
        check_range(self, "warmup_epochs", 0)
        if self.reference_batch_size is not None:
            check_range(self, "reference_batch_size", 1)


@dataclass(frozen=True)
class ObjectiveSettings:
    """ℒ = ℒ₁ + Σ λₖℒₖ + β Σ θᵢ².

    Attributes:
        auxiliary: Factor λₖ of each auxiliary loss, by name; 0 leaves it out.
        weight_decay: Factor β of the squared parameters; 0 or more.
    """

    auxiliary: Any = MISSING
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        check_range(self, "weight_decay", 0)
        if self.auxiliary == MISSING:  # the names are not known yet
            return
        if not dataclasses.is_dataclass(self.auxiliary):
            raise ConfigurationError(
                f"'objective.auxiliary' holds a factor by name, as in objective.auxiliary.z_loss=1e-3. "
                f"Got {self.auxiliary!r}."
            )
        for name, factor in vars(self.auxiliary).items():
            if not math.isfinite(factor):
                raise ConfigurationError(
                    f"objective.auxiliary.{name} must be a finite number. Got {factor!r}."
                )

    @property
    def factors(self) -> dict[str, float]:
        """Factor λ of each auxiliary loss that is on, by name."""
        return {name: factor for name, factor in vars(self.auxiliary).items() if factor}


@dataclass(frozen=True)
class Tracking:
    """Where and how a run is logged in MLflow.

    Attributes:
        uri: Address of the store, a database or a server.
        experiment: Name of the experiment in the store.
        log_model: Whether an MLflow model is logged (2 s); null does so for a single run and not in a
            sweep.
        picture: Whether the learning curves of each run are drawn; null as for `log_model` (a sweep
            draws one picture of all its runs).
        against: What the curves are drawn over, "epoch" or "rate". "rate" is for a learning-rate range
            test: it logs the rates that the test suggests, and needs a schedule whose rate rises, see
            `experiment=rate_range`.
        phase: What the run is for in a tuning protocol, which sets it: "tuning" ("tuning-2", … once
            ranges were extended), "final" or "untuned"; "" outside of one. It is the tag `phase`.
    """

    uri: str = "sqlite:///outputs/mlflow.db"
    experiment: str = "harness"
    log_model: bool | None = None
    picture: bool | None = None
    against: str = "epoch"
    phase: str = Phase.OUTSIDE.value

    def __post_init__(self) -> None:
        check_choice(self, "against", ("epoch", "rate"))
        if not is_phase(self.phase):
            raise ConfigurationError(
                f"'tracking.phase' must be tuning, tuning-2, tuning-3, …, final, untuned or empty; "
                f"`harness tune` sets it. Got {self.phase!r}."
            )
        if not self.experiment.strip():
            raise ConfigurationError("'tracking.experiment' needs a name. Got an empty one.")


@dataclass(frozen=True)
class Config:
    """The typed tree: everything that decides what a run computes, and where it is logged.

    Attributes:
        backend: Backend: where arrays live and what computes on them.
        dataset: The data.
        network: The layers.
        optimizer: The update rule.
        schedule: The learning rate as a function of the step.
        initializer: Initializer of the weights.
        bias_initializer: Initializer of the biases.
        loss: The main loss ℒ₁; `auto` takes the one that fits the dataset.
        wrapper: Wrappers around the steps of the optimizer, by name, outermost first; see
            `contracts.Wrapper`.
        objective: The other terms of the objective.
        training: The loop.
        split: Which rows train, validate and test, and how they are scaled.
        tracking: Store and form of the logs of the run.
        seed: Decides the weights, the order of the samples and all other draws; 0 or more.
        skip_finished: Whether to train nothing that has a finished run of the same identity in the
            store.
    """

    backend: Any = MISSING
    dataset: Any = MISSING
    network: Any = MISSING
    optimizer: Any = MISSING
    schedule: Any = MISSING
    initializer: Any = MISSING
    bias_initializer: Any = MISSING
    loss: Any = MISSING
    wrapper: dict[str, Any] = field(default_factory=dict)
    objective: ObjectiveSettings = field(default_factory=ObjectiveSettings)
    training: Training = field(default_factory=Training)
    split: Split = field(default_factory=Split)
    tracking: Tracking = field(default_factory=Tracking)
    seed: int = 0
    skip_finished: bool = False

    def __post_init__(self) -> None:
        check_range(self, "seed", 0)


@dataclass(frozen=True)
class Run:
    """A run to be trained: its configuration, checked and with `loss=auto` resolved.

    Attributes:
        config: The configuration.
        names: Name of the component chosen in each group; all wrappers, as in "ema+clip_norm", or
            "none".
        auxiliary: The auxiliary losses that are on, by name.
    """

    config: Config
    names: dict[str, str]
    auxiliary: dict[str, AuxiliaryLoss]

    @property
    def rule(self) -> str:
        """The names of the update rule: of the optimizer, of its rule if it has several, of wrappers."""
        rule = getattr(self.config.optimizer, "class_name", "")
        return " ".join(filter(None, (self.names["optimizer"], rule, *self.config.wrapper)))

    @property
    def params(self) -> dict[str, str]:
        """The configuration as flat text, for MLflow.

        `optimizer.lr` → "0.001", and for the component chosen in each group `optimizer` → "adam".
        """
        flat = dict(self.names)

        def walk(prefix: str, value: Any) -> None:
            if dataclasses.is_dataclass(value):
                value = stated_fields(value)
            if isinstance(value, dict):
                for key, inner in value.items():
                    walk(f"{prefix}.{key}" if prefix else key, inner)
            else:
                flat[prefix] = str(value)

        walk("", self.config)
        return dict(sorted(flat.items()))
