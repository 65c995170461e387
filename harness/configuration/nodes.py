"""The typed node of a dataclass, which OmegaConf makes of its fields."""

from __future__ import annotations

from dataclasses import is_dataclass
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from harness.errors import PluginError
from harness.registry.registry import KINDS, Registry

__all__ = ["component_nodes", "node_of"]


def node_of(component: type) -> DictConfig:
    """The typed, writable node of a frozen dataclass. A field that is a dict takes keys of any name."""
    node = OmegaConf.structured(component)
    _make_writable(node)
    return node


def component_nodes(registry: Registry) -> dict[type, DictConfig]:
    """The node of each component. One whose fields Hydra cannot hold is taken out of the registry."""
    nodes: dict[type, DictConfig] = {}
    for kind in KINDS:
        for name in registry.names(kind):
            provided = registry.provided(kind, name)
            try:
                nodes[provided.component] = node_of(provided.component)
            except Exception as error:  # of OmegaConf, or of a plugin's default
                registry.leave_out(provided, PluginError(_unknown_field(error)))
    return nodes


def _make_writable(node: Any) -> None:
    OmegaConf.set_readonly(node, None)
    if isinstance(node, DictConfig):
        for key in node:
            child = node._get_node(key)
            if isinstance(child, DictConfig | ListConfig):
                _make_writable(child)
            if isinstance(child, DictConfig) and not is_dataclass(OmegaConf.get_type(child)):
                OmegaConf.set_struct(child, False)


def _unknown_field(error: Exception) -> str:
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    key = getattr(error, "full_key", None) or getattr(error, "key", None)
    field = f"its field {key!r}" if key else "one of its fields"
    return f"Hydra cannot hold {field}: {first}"
