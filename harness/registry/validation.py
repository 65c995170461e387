"""Checks of a component before any of its code runs: its name, its class, its members."""

from __future__ import annotations

import dataclasses
import keyword
import re
from dataclasses import MISSING
from typing import Any

from harness.backends import Backend
from harness.contracts import (
    AuxiliaryLoss,
    Dataset,
    Initializer,
    Loss,
    Optimizer,
    Schedule,
    Scope,
    Task,
    Turn,
    Wrapper,
)
from harness.errors import PluginError
from harness.evaluation.metrics import LOSS, metric_names
from harness.model.objective import DECAY
from harness.search_space import space_of

__all__ = ["KEYS", "KINDS", "VALUES", "check_component", "check_name"]

KINDS = {  # kind of component -> the hook that hands it out
    "backend": "harness_backends",
    "dataset": "harness_datasets",
    "optimizer": "harness_optimizers",
    "wrapper": "harness_wrappers",
    "schedule": "harness_schedules",
    "initializer": "harness_initializers",
    "loss": "harness_losses",
    "auxiliary_loss": "harness_auxiliary_losses",
}

PROTOCOLS: dict[str, type] = {
    "backend": Backend,
    "dataset": Dataset,
    "optimizer": Optimizer,
    "wrapper": Wrapper,
    "schedule": Schedule,
    "initializer": Initializer,
    "loss": Loss,
    "auxiliary_loss": AuxiliaryLoss,
}

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
VALUES = {"null", "true", "false", "nan", "inf"}  # words that a command line reads as values
ACTIVATIONS = ("softmax", "sigmoid", "identity")
LOGGED = {LOSS.name, DECAY, "lr", "epoch_seconds", "steps", "samples", "gradients"} | {
    name for task in Task for name in metric_names(task)
}
TAKEN = {  # names that the core uses: its own choices and its logged metrics
    "loss": {"auto", *LOGGED},
    "auxiliary_loss": LOGGED,
    "wrapper": {"none"},
}
KEYS = frozenset({"auxiliary_loss", "wrapper"})  # kinds whose names are keys of the configuration


def check_component(kind: str, name: object, cls: object) -> None:
    """Raises PluginError with the first requirement that a component does not meet."""
    check_name(kind, name)
    if not (isinstance(cls, type) and dataclasses.is_dataclass(cls)):
        raise PluginError(f"it must be a frozen dataclass. Got {cls!r}")
    if not cls.__dataclass_params__.frozen:  # type: ignore[attr-defined]  # dataclasses have it
        raise PluginError("it must be frozen: @dataclass(frozen=True)")
    fields = {field.name for field in dataclasses.fields(cls)}
    if kind == "auxiliary_loss" and fields:
        raise PluginError("it must have no fields: its factor λ is its configuration")
    for member in _members(PROTOCOLS[kind]):
        if not (hasattr(cls, member) or member in fields):
            raise PluginError(
                f"it lacks {member!r}, see {PROTOCOLS[kind].__name__} in the contract"
            )
    _check_constants(kind, cls)
    space_of(cls)


def check_name(kind: str, name: object) -> None:
    """Raises PluginError if no component of this kind can have this name."""
    if not isinstance(name, str):
        raise PluginError(f"its name must be text. Got {name!r}")
    if not NAME.fullmatch(name) or name.lower() in VALUES:
        raise PluginError(
            "its name must be one that a command line can hold: letters, digits, _ and -, not "
            "starting with a digit, and none of " + ", ".join(sorted(VALUES))
        )
    if kind in KEYS and (not name.isidentifier() or keyword.iskeyword(name)):
        raise PluginError("its name is a key of the configuration: letters, digits and _ only")
    if name in TAKEN.get(kind, ()):
        raise PluginError(f"its name must not be {name!r}, which the core uses itself")


def _members(protocol: type) -> list[str]:
    """The names of the members that a protocol asks for."""
    members = {**vars(protocol), **protocol.__annotations__}
    return [name for name in members if not name.startswith("_")]


def _check_constants(kind: str, cls: Any) -> None:
    """Checks what the core reads of the class. A property is known only when there is an instance."""
    if kind in ("optimizer", "wrapper"):
        _must(cls, "scope", lambda scope: isinstance(scope, Scope), "a harness.Scope")
    if kind == "wrapper":
        _must(cls, "scope", lambda scope: scope is not Scope.BACKEND, "any but Scope.BACKEND")
        _must(cls, "turn", lambda turn: isinstance(turn, Turn), "a harness.Turn")
    if kind == "loss":
        for name in ("tasks", "default_for"):
            _must(cls, name, _are_tasks, "a set of harness.Task")
        choice = f"one of {', '.join(ACTIVATIONS)}"
        _must(cls, "output_activation", lambda name: name in ACTIVATIONS, choice)
    if kind == "auxiliary_loss":
        _must(cls, "reads", lambda layers: layers in ("output", "hidden"), "'output' or 'hidden'")
        choice = f"a set of {', '.join(ACTIVATIONS)}"
        _must(cls, "output_activations", lambda names: set(names) <= set(ACTIVATIONS), choice)


def _must(cls: type, name: str, allows: Any, allowed: str) -> None:
    """Raises PluginError unless the value of a class attribute is allowed."""
    value = getattr(cls, name, MISSING)
    if value is MISSING or isinstance(value, property):  # a field, or an instance's own
        return
    if not allows(value):
        raise PluginError(f"its {name!r} must be {allowed}. Got {value!r}")


def _are_tasks(value: Any) -> bool:
    return isinstance(value, set | frozenset | tuple | list) and all(
        isinstance(task, Task) for task in value
    )
