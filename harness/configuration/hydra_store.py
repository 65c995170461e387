"""From component classes to typed nodes in Hydra's ConfigStore.

Every component class becomes a typed node `group/name` before Hydra composes, so Hydra itself refuses
unknown options, unknown keys and wrong types. A configuration can name a registered component and
nothing else.
"""

from __future__ import annotations

from dataclasses import make_dataclass
from functools import cache

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig

from harness.configuration.nodes import component_nodes, node_of
from harness.configuration.settings import GROUPS, NONE, WRAPPER, AutoLoss, Config
from harness.model.mlp import Mlp
from harness.registry.registry import Registry

__all__ = ["choices", "node", "register"]


def register(registry: Registry) -> None:
    """Stores a typed node for each component, and for the tree itself, in Hydra's ConfigStore."""
    store = ConfigStore.instance()
    nodes = component_nodes(registry)
    store.store(name="schema", node=_schema(registry))
    for group in GROUPS:
        store.repo[group] = {}  # forgets the nodes of an earlier registry in this process
        for name, component in choices(registry, group).items():
            node = nodes[component] if component in nodes else node_of(component)
            store.store(group=group, name=name, node=node)
    store.repo[WRAPPER] = {}
    store.store(group=WRAPPER, name=NONE, node={})
    for name, component in registry.options(WRAPPER).items():
        # Each under its own name, so that several can be chosen
        store.store(group=WRAPPER, name=name, node=nodes[component], package=f"{WRAPPER}.{name}")


def node(path: str) -> DictConfig:
    """A copy of the typed node `group/name`, or `schema`, that Hydra composes with."""
    copied: DictConfig = ConfigStore.instance().load(f"{path}.yaml").node
    return copied


def choices(registry: Registry, group: str) -> dict[str, type]:
    """What a group can be set to: class by name."""
    kind = GROUPS[group]
    classes = dict(registry.options(kind)) if kind else {}
    if group == "loss":
        classes["auto"] = AutoLoss
    if group == "network":
        classes["mlp"] = Mlp
    return classes


def _schema(registry: Registry) -> DictConfig:
    node = node_of(Config)
    node.objective.auxiliary = node_of(_auxiliary(tuple(registry.names("auxiliary_loss"))))
    return node


@cache  # one class for a list of names: configurations of two registrations can be equal
def _auxiliary(names: tuple[str, ...]) -> type:
    return make_dataclass("Auxiliary", [(name, float, 0.0) for name in names], frozen=True)
