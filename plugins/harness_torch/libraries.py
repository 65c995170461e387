"""The optimizer classes that a configuration can name, and the hyperparameters of each.

The libraries are a fixed list. A name from a configuration is looked up among the classes that a library
exports; it never names something to import.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from harness import ConfigurationError, MissingDependencyError, unknown_name

__all__ = ["PYTORCH_OPTIMIZER", "TORCH_OPTIM", "Library"]

Plain = bool | int | float | str | None  # what a configuration can hold


@dataclass(frozen=True)
class Library:
    """A package of optimizers.

    Attributes:
        module: Module that exports the classes.
        optimizer: Name of the component on a command line.
        needs: Packages that have to be installed.
        extra: Extra of harness that installs them.
        draws: Whether its classes may draw random numbers.
    """

    module: str
    optimizer: str
    needs: tuple[str, ...]
    extra: str
    draws: bool

    def classes(self) -> Mapping[str, type]:
        """Every subclass of torch.optim.Optimizer that the library exports, by name.

        Raises MissingDependencyError where it is not installed.
        """
        for package in self.needs:
            if find_spec(package) is None:
                raise MissingDependencyError(
                    f"optimizer={self.optimizer} needs the package {package}, which is not installed. "
                    f"Install it with pip install 'optimizer-harness[{self.extra}]'."
                )
        return _classes(self.module)

    def find(self, name: str) -> Any:
        """The class of this name. Raises ConfigurationError, whose message lists the names."""
        classes = self.classes()
        if name not in classes:
            raise unknown_name(f"optimizer of {self.module}", name, classes)
        return classes[name]

    def resolved(
        self, name: str, lr: float | None, options: Mapping[str, Any]
    ) -> tuple[float, dict[str, Any]]:
        """The rate and all hyperparameters of a class: the given ones, and defaults for the others.

        A list becomes a tuple where the default is one. A default that no configuration can hold, a
        function say, is left out.

        Args:
            name: Name of the class.
            lr: The rate; None for the default of the class.
            options: The other hyperparameters that are given, by name.

        Raises:
            ConfigurationError: The class has no such option, lacks one without a default, or cannot
                be used.
        """
        defaults = dict(_hyperparameters(self.find(name)))
        class_name = f"{self.module}.{name}"
        for argument, reason in UNSUPPORTED_ARGUMENTS.items():
            if argument in defaults:
                raise ConfigurationError(f"{class_name} cannot be used: {reason}.")
        if "lr" not in defaults:
            raise ConfigurationError(
                f"{class_name} cannot be used: it has no learning rate, which a schedule would set."
            )
        default = defaults.pop("lr")
        for option in options:
            if option == "lr":
                raise ConfigurationError(
                    "optimizer.options.lr: the rate is optimizer.lr, which a schedule multiplies."
                )
            if option not in defaults:
                listing = ", ".join(
                    f"{key}={value}" for key, value in defaults.items() if _is_plain(value)
                )
                error = unknown_name(f"option of {class_name}", str(option), defaults)
                raise ConfigurationError(f"{error} Its defaults: {listing or 'it has none'}.")
        missing = [
            key for key, value in defaults.items() if value is REQUIRED and key not in options
        ]
        if missing:
            settings = ", ".join(f"optimizer.options.{key}" for key in missing)
            raise ConfigurationError(
                f"{class_name} needs a value for {settings}, which has no default: set it, as in "
                f"optimizer.options.{missing[0]}=1."
            )
        rate = default if lr is None else lr
        if not isinstance(rate, int | float):
            raise ConfigurationError(
                f"{class_name} has no default for its learning rate: set optimizer.lr."
            )
        values = {
            key: _like(options[key], value) if key in options else value
            for key, value in defaults.items()
            if key in options or _is_plain(value)
        }
        return float(rate), values


TORCH_OPTIM = Library("torch.optim", "torch", ("torch",), "torch", draws=False)
PYTORCH_OPTIMIZER = Library(
    "pytorch_optimizer",
    "pytorch_optimizer",
    ("torch", "pytorch_optimizer"),
    "pytorch-optimizer",
    draws=True,
)

REQUIRED = inspect.Parameter.empty
# Arguments that harness cannot give a class, and why it asks for them
UNSUPPORTED_ARGUMENTS = {
    "optimizer": "it wraps another optimizer",
    "base_optimizer": "it wraps another optimizer",
    "model": "it takes the whole model, for the names of its parts or hooks in its backward pass",
    "hessian_distribution": "it needs second derivatives, and a backend gives gradients",
}


@cache
def _classes(module: str) -> dict[str, type]:
    import torch

    exported = vars(import_module(module))
    base = torch.optim.Optimizer
    return {
        name: cls
        for name, cls in sorted(exported.items())
        if isinstance(cls, type) and issubclass(cls, base) and cls is not base
    }


@cache
def _hyperparameters(cls: type) -> dict[str, Any]:
    """The arguments of a class except `params`, each with its default, or REQUIRED."""
    _, *arguments = inspect.signature(cls.__init__).parameters.values()  # type: ignore[misc]  # of a class, on purpose
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {a.name: a.default for a in arguments if a.kind in named and a.name != "params"}


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return isinstance(value, Plain)


def _like(given: Any, default: Any) -> Any:
    return tuple(given) if isinstance(default, tuple) and isinstance(given, list) else given
