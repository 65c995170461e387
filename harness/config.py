"""From dataclasses to Hydra's nodes, and from a composed tree to a run.

Every component class becomes a typed node `group/name` in Hydra's ConfigStore before Hydra composes,
so Hydra itself refuses unknown options, unknown keys and wrong types. The composed tree is turned
back into instances, whose `__post_init__` checks the ranges. A configuration can name a registered
component and nothing else.
"""

from __future__ import annotations

import dataclasses
from dataclasses import make_dataclass
from functools import cache
from typing import Any

import numpy as np
from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf

from harness.blocking import canonical
from harness.contracts import AdaptiveSchedule, Layer
from harness.errors import ConfigurationError
from harness.metrics import metric_names
from harness.network import Mlp
from harness.nodes import component_nodes, node_of
from harness.objective import DECAY
from harness.registry import Registry
from harness.settings import GROUPS, NONE, WRAPPER, AutoLoss, Config, Run

__all__ = ["choices", "node", "register", "run_from", "run_of"]


def register(registry: Registry) -> None:
    """Stores a typed node for each component, and for the tree itself, in Hydra's ConfigStore."""
    store = ConfigStore.instance()
    nodes = component_nodes(registry)
    store.store(name="schema", node=_schema(registry))
    for group in GROUPS:
        store.repo[group] = {}  # of another registry, in this process
        for name, component in choices(registry, group).items():
            node = nodes[component] if component in nodes else node_of(component)
            store.store(group=group, name=name, node=node)
    store.repo[WRAPPER] = {}
    store.store(group=WRAPPER, name=NONE, node={})
    for name, component in registry.options(WRAPPER).items():
        # each under its own name, so that several can be chosen
        store.store(group=WRAPPER, name=name, node=nodes[component], package=f"{WRAPPER}.{name}")


def node(path: str) -> DictConfig:
    """A copy of the typed node `group/name`, or `schema`, that Hydra composes with."""
    found: DictConfig = ConfigStore.instance().load(f"{path}.yaml").node
    return found


def choices(registry: Registry, group: str) -> dict[str, type]:
    """What a group can be set to: class by name."""
    kind = GROUPS[group]
    found = dict(registry.options(kind)) if kind else {}
    if group == "loss":
        found["auto"] = AutoLoss
    if group == "network":
        found["mlp"] = Mlp
    return found


def _schema(registry: Registry) -> DictConfig:
    node = node_of(Config)
    node.objective.auxiliary = node_of(_auxiliary(tuple(registry.names("auxiliary_loss"))))
    return node


@cache  # one class for one list: configurations made before and after another registration are equal
def _auxiliary(names: tuple[str, ...]) -> type:
    return make_dataclass("Auxiliary", [(name, float, 0.0) for name in names], frozen=True)


def run_from(tree: DictConfig, registry: Registry) -> Run:
    """The run that a composed tree describes, checked as a whole; loads no data.

    Raises ConfigurationError, or MissingDependencyError where the backend cannot run here.
    """
    config = OmegaConf.to_object(tree)
    if not isinstance(config, Config):
        raise ConfigurationError(
            "The configuration does not start from the node `schema`; see conf/config.yaml."
        )
    return run_of(config, registry)


def run_of(config: Config, registry: Registry) -> Run:
    """The run of a configuration, checked as a whole. Raises as `run_from` does."""
    late = {canonical(name) for name in config.plugins.blocked} - registry.blocked
    if late:
        raise ConfigurationError(
            f"plugins.blocked={sorted(late)} was read when the plugins had been imported. Give it on "
            f"the command line, or at the top of a file that experiment=… names."
        )
    names = {group: _chosen(config, group, registry) for group in GROUPS}
    names[WRAPPER] = "+".join(_wrappers(config, registry)) or NONE
    if isinstance(config.loss, AutoLoss):
        names["loss"] = _loss_for(config.dataset.task, registry)
        config = dataclasses.replace(config, loss=registry.component("loss", names["loss"])())
    auxiliary = {
        name: registry.component("auxiliary_loss", name)() for name in config.objective.factors
    }
    run = Run(config, names, auxiliary)
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
    return registry.name_of(type(component)) or names[type(component)]


def _wrappers(config: Config, registry: Registry) -> list[str]:
    """The names of the wrappers, outermost first."""
    for name, component in config.wrapper.items():
        known = registry.component(WRAPPER, name)
        if isinstance(component, dict):  # no wrapper took the values
            raise ConfigurationError(
                f"'wrapper.{name}' is set to {component!r}, and the wrapper {name!r} is not chosen. Add "
                f"wrapper={name}, or put it into the list, as in wrapper=[{name},…]."
            )
        if type(component) is not known:
            raise ConfigurationError(
                f"'wrapper.{name}' must be the wrapper {name!r}. Got {component!r}. Choose wrappers by "
                f"name, as in wrapper={name}; wrapper={NONE} takes none."
            )
    return list(config.wrapper)


def _loss_for(task: Any, registry: Registry) -> str:
    fitting = [
        n for n in registry.names("loss") if task in registry.component("loss", n).default_for
    ]
    # To install somebody's loss must not change, or block, what `auto` means
    fitting = [n for n in fitting if registry.provider("loss", n).own] or fitting
    if not fitting:
        raise ConfigurationError(
            f"No installed loss is the default for {task} data. Choose one of "
            f"{', '.join(registry.names('loss'))} with loss=…"
        )
    if len(fitting) > 1:
        raise ConfigurationError(
            f"Several installed losses are the default for {task} data: {', '.join(fitting)}. Choose "
            f"one with loss=…"
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
        if auxiliary.reads == "hidden" and not config.network.hidden:
            raise ConfigurationError(
                f"objective.auxiliary.{name} reads hidden activations, and network.hidden=[] has none."
            )
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
    if isinstance(config.schedule, AdaptiveSchedule) and config.split.validation == 0:
        raise ConfigurationError(
            f"schedule={names['schedule']} watches the validation metric: set split.validation above 0, "
            f"or choose a schedule that follows the steps alone, such as schedule=cosine."
        )
    if config.training.halving.factor is not None and config.split.validation == 0:
        raise ConfigurationError(
            "Successive halving compares runs on the validation part: set split.validation above 0, or "
            "training.halving.factor=null to drop no run."
        )
    # Not every initializer has a meaning for biases: the one that has none says so here
    nowhere = Layer(index=0, depth=1, fan_in=1, fan_out=1, activation="identity")
    config.bias_initializer.sample((1,), nowhere, np.random.default_rng(0))
    config.backend.check()
    if hasattr(config.optimizer, "check"):
        # The data, which decide the first and the last width, are not loaded yet
        config.optimizer.check(config.backend, config.network.sized(features=1, outputs=1))
