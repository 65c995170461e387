"""The configuration: dataclass ↔ Hydra node, and the whole of a run's settings as one typed tree.

Every component class becomes a typed node `group/name` in Hydra's ConfigStore before Hydra composes,
so Hydra itself refuses unknown options, unknown keys and wrong types. The composed tree is turned
back into instances, whose `__post_init__` checks the ranges. A configuration can name a registered
component and nothing else.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field, make_dataclass
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, DictConfig, ListConfig, OmegaConf

from harness.contracts import AuxiliaryLoss, check_range
from harness.data import Split
from harness.errors import ConfigurationError
from harness.metrics import metric_names
from harness.network import Mlp
from harness.objective import DECAY
from harness.registry import Registry
from harness.stopping import Stopping

__all__ = ["GROUPS", "Config", "Run", "Training", "choices", "register", "run_from"]

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


@dataclass(frozen=True)
class AutoLoss:
    """The loss that fits the dataset's task: softmax for several classes, sigmoid for two, …"""


@dataclass(frozen=True)
class Training:
    """The loop.

    batch_size: samples a step, 1 for stochastic descent, "full" for the whole training part.
    max_epochs: passes over the training part at most. warmup_epochs: the rate rises linearly to
    `optimizer.lr` in them. reference_batch_size: where set, the rate is scaled by
    batch_size / reference_batch_size (Goyal et al. 2017). clip_norm: the largest norm of a gradient.
    """

    batch_size: int | str = 32
    max_epochs: int = 100
    warmup_epochs: float = 0.0
    reference_batch_size: int | None = None
    clip_norm: float | None = None
    stopping: Stopping = field(default_factory=Stopping)

    def __post_init__(self) -> None:
        if isinstance(self.batch_size, str) and self.batch_size != "full":
            raise ConfigurationError(
                f"'batch_size' must be a positive number of samples or 'full'. "
                f"Got {self.batch_size!r}."
            )
        if not isinstance(self.batch_size, str):
            check_range(self, "batch_size", 1)
        check_range(self, "max_epochs", 1)
        check_range(self, "warmup_epochs", 0)
        if self.reference_batch_size is not None:
            check_range(self, "reference_batch_size", 1)
        if self.clip_norm is not None:
            check_range(self, "clip_norm", 0, closed="neither")


@dataclass(frozen=True)
class ObjectiveSettings:
    """ℒ = ℒ₁ + Σ λₖℒₖ + β Σ θᵢ². auxiliary: λ of each auxiliary loss by name. weight_decay: β."""

    auxiliary: Any = MISSING
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        check_range(self, "weight_decay", 0)

    @property
    def factors(self) -> dict[str, float]:
        """λ by name, of the auxiliary losses that are on."""
        return {name: factor for name, factor in vars(self.auxiliary).items() if factor}


@dataclass(frozen=True)
class Tracking:
    """MLflow. uri: the store, a database or a server. experiment: its name there.

    log_model: log an MLflow model (2 s); null does so for a single run and not in a sweep. picture:
    draw the learning curves of each run; null as for log_model (a sweep draws one of all its runs).
    """

    uri: str = "sqlite:///outputs/mlflow.db"
    experiment: str = "harness"
    log_model: bool | None = None
    picture: bool | None = None


@dataclass(frozen=True)
class Config:
    """The typed tree: everything that decides what a run computes, and where it is logged."""

    backend: Any = MISSING
    dataset: Any = MISSING
    network: Any = MISSING
    optimizer: Any = MISSING
    schedule: Any = MISSING
    initializer: Any = MISSING
    bias_initializer: Any = MISSING
    loss: Any = MISSING
    objective: ObjectiveSettings = field(default_factory=ObjectiveSettings)
    training: Training = field(default_factory=Training)
    split: Split = field(default_factory=Split)
    tracking: Tracking = field(default_factory=Tracking)
    seed: int = 0

    def __post_init__(self) -> None:
        check_range(self, "seed", 0)


@dataclass(frozen=True)
class Run:
    """One run to be trained: its configuration, checked and with `loss=auto` resolved.

    names: the component chosen in each group. auxiliary: the auxiliary losses that are on, by name.
    params: the configuration as flat text, for MLflow.
    """

    config: Config
    names: dict[str, str]
    auxiliary: dict[str, AuxiliaryLoss]
    params: dict[str, str]


def register(registry: Registry) -> None:
    """Stores a typed node for each component, and for the tree itself, in Hydra's ConfigStore."""
    store = ConfigStore.instance()
    store.store(name="schema", node=_schema(registry))
    for group in GROUPS:
        for name, component in choices(registry, group).items():
            store.store(group=group, name=name, node=_node(component))


def choices(registry: Registry, group: str) -> dict[str, type]:
    """What a group can be set to: class by name."""
    kind = GROUPS[group]
    found = {name: registry.component(kind, name) for name in registry.names(kind)} if kind else {}
    if group == "loss":
        found["auto"] = AutoLoss
    if group == "network":
        found["mlp"] = Mlp
    return found


def _schema(registry: Registry) -> DictConfig:
    node = _node(Config)
    auxiliary = make_dataclass(
        "Auxiliary", [(name, float, 0.0) for name in registry.names("auxiliary_loss")], frozen=True
    )
    node.objective.auxiliary = _node(auxiliary)
    return node


def _node(component: type) -> DictConfig:
    """The typed, writable node of a frozen dataclass."""
    node = OmegaConf.structured(component)
    _make_writable(node)
    return node


def _make_writable(node: Any) -> None:
    OmegaConf.set_readonly(node, None)
    if isinstance(node, DictConfig):
        for key in node:
            child = node._get_node(key)
            if isinstance(child, DictConfig | ListConfig):
                _make_writable(child)


def run_from(tree: DictConfig, registry: Registry) -> Run:
    """The run that a composed tree describes, checked as a whole; loads no data.

    Raises ConfigurationError, or MissingDependencyError where the backend cannot run here.
    """
    config = OmegaConf.to_object(tree)
    if not isinstance(config, Config):
        raise ConfigurationError(
            "The configuration does not start from the node `schema`; see conf/config.yaml."
        )
    names = {group: _chosen(config, group, registry) for group in GROUPS}
    if isinstance(config.loss, AutoLoss):
        names["loss"] = _loss_for(config.dataset.task, registry)
        config = dataclasses.replace(config, loss=registry.component("loss", names["loss"])())
    auxiliary = {
        name: registry.component("auxiliary_loss", name)() for name in config.objective.factors
    }
    run = Run(config, names, auxiliary, _flat(tree, names))
    _check(run, registry)
    return run


def _chosen(config: Config, group: str, registry: Registry) -> str:
    """The name of the component in a group."""
    component = getattr(config, group)
    names = {cls: name for name, cls in choices(registry, group).items()}
    if type(component) not in names:
        allowed = sorted(names.values())
        raise ConfigurationError(
            f"{group!r} must be a registered component: {', '.join(allowed)}. Got {component!r}. "
            f"Choose one by name, as in {group}={allowed[0]}."
        )
    return names[type(component)]


def _loss_for(task: Any, registry: Registry) -> str:
    fitting = [
        n for n in registry.names("loss") if task in registry.component("loss", n).default_for
    ]
    if not fitting:
        raise ConfigurationError(
            f"No installed loss is the default for {task} data. Choose one of "
            f"{', '.join(registry.names('loss'))} with loss=…"
        )
    return fitting[0]


def _check(run: Run, registry: Registry) -> None:
    """What no component can see alone."""
    config, names = run.config, run.names
    task = config.dataset.task
    if task not in config.loss.tasks:
        fitting = [n for n in registry.names("loss") if task in registry.component("loss", n).tasks]
        raise ConfigurationError(
            f"loss={names['loss']} does not fit dataset={names['dataset']}, whose task is {task}. "
            f"Use one of: auto, {', '.join(fitting)}."
        )
    for name, auxiliary in run.auxiliary.items():
        if config.loss.output_activation not in auxiliary.output_activations:
            raise ConfigurationError(
                f"objective.auxiliary.{name} needs an output activation of "
                f"{', '.join(sorted(auxiliary.output_activations))}; loss={names['loss']} has "
                f"{config.loss.output_activation}. Set it to 0, or choose another loss."
            )
    stopping = config.training.stopping
    metrics = ["loss", names["loss"], *run.auxiliary, *metric_names(task)]
    if config.objective.weight_decay:
        metrics.append(DECAY)
    if stopping.metric not in metrics:
        raise ConfigurationError(
            f"training.stopping.metric must be a logged validation metric: {', '.join(metrics)}. "
            f"Got {stopping.metric!r}."
        )
    if stopping.patience is not None and config.split.validation == 0:
        raise ConfigurationError(
            "Early stopping needs a validation part: set split.validation above 0, or "
            "training.stopping.patience=null to train without stopping."
        )
    config.backend.check()


def _flat(tree: DictConfig, names: dict[str, str]) -> dict[str, str]:
    """`optimizer.lr` → "0.001", and `optimizer` → "adam" for the component chosen in each group."""
    flat = dict(names)

    def walk(prefix: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(f"{prefix}.{key}" if prefix else str(key), inner)
        else:
            flat[prefix] = str(value)

    walk("", OmegaConf.to_container(tree, resolve=True))
    return dict(sorted(flat.items()))
