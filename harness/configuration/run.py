"""From a composed tree, or a configuration, to a run.

A tree is turned back into instances of the component classes, whose `__post_init__` checks the ranges.
"""

from __future__ import annotations

import dataclasses

from omegaconf import DictConfig, OmegaConf

from harness.configuration.consistency import check_run
from harness.configuration.hydra_store import choices
from harness.configuration.settings import GROUPS, NONE, WRAPPER, AutoLoss, Config, Run
from harness.contracts import Task
from harness.errors import ConfigurationError
from harness.registry.registry import Registry

__all__ = ["run_from_config", "run_from_tree"]


def run_from_tree(tree: DictConfig, registry: Registry) -> Run:
    """The run that a composed tree describes, checked as a whole; loads no data.

    Raises ConfigurationError, or MissingDependencyError where the backend cannot run here.
    """
    config = OmegaConf.to_object(tree)
    if not isinstance(config, Config):
        raise ConfigurationError(
            "The configuration does not start from the node `schema`; see conf/config.yaml."
        )
    return run_from_config(config, registry)


def run_from_config(config: Config, registry: Registry) -> Run:
    """The run with this configuration, checked as a whole. Raises as `run_from_tree` does."""
    names = {group: _component_name(config, group, registry) for group in GROUPS}
    names[WRAPPER] = "+".join(_wrapper_names(config, registry)) or NONE
    if isinstance(config.loss, AutoLoss):
        names["loss"] = _default_loss(config.dataset.task, registry)
        config = dataclasses.replace(config, loss=registry.component("loss", names["loss"])())
    auxiliary = {
        name: registry.component("auxiliary_loss", name)() for name in config.objective.factors
    }
    run = Run(config, names, auxiliary)
    check_run(run, registry)
    return run


def _component_name(config: Config, group: str, registry: Registry) -> str:
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


def _wrapper_names(config: Config, registry: Registry) -> list[str]:
    """The names of the wrappers, outermost first."""
    for name, component in config.wrapper.items():
        expected = registry.component(WRAPPER, name)
        if isinstance(component, dict):  # values of a wrapper that is not chosen
            raise ConfigurationError(
                f"'wrapper.{name}' is set to {component!r}, and the wrapper {name!r} is not chosen. Add "
                f"wrapper={name}, or put it into the list, as in wrapper=[{name},…]."
            )
        if type(component) is not expected:
            raise ConfigurationError(
                f"'wrapper.{name}' must be the wrapper {name!r}. Got {component!r}. Choose wrappers by "
                f"name, as in wrapper={name}; wrapper={NONE} takes none."
            )
    return list(config.wrapper)


def _default_loss(task: Task, registry: Registry) -> str:
    """What `loss=auto` means for a task."""
    defaults = [
        n for n in registry.names("loss") if task in registry.component("loss", n).default_for
    ]
    # Installing somebody's loss must not change or block the meaning of `auto`
    defaults = [n for n in defaults if registry.provider("loss", n).own] or defaults
    if not defaults:
        raise ConfigurationError(
            f"No installed loss is the default for {task} data. Choose one of "
            f"{', '.join(registry.names('loss'))} with loss=…"
        )
    if len(defaults) > 1:
        raise ConfigurationError(
            f"Several installed losses are the default for {task} data: {', '.join(defaults)}. Choose "
            f"one with loss=…"
        )
    return defaults[0]
