"""Hydra's arguments: checks before Hydra sees them, and its errors in plain words."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

import hydra
from hydra._internal.utils import get_args_parser
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from harness.configuration.hydra_store import register
from harness.configuration.overrides import check_overrides, explain
from harness.configuration.settings import Tracking
from harness.errors import ConfigurationError
from harness.registry.registry import load_registry

__all__ = ["check_arguments", "explained", "tracking_settings"]


def check_arguments(arguments: list[str]) -> None:
    """Checks Hydra's arguments before Hydra sees them. Raises ConfigurationError."""
    options, _ = get_args_parser().parse_known_args(arguments)
    if options.experimental_rerun is not None:
        raise ConfigurationError(
            "--experimental-rerun reads a pickle, which can run any code. Use the overrides in "
            "`.hydra/overrides.yaml` of the run's folder instead."
        )
    if options.shell_completion:
        return
    _check_mode(options)
    with explained():
        check_overrides(
            options.overrides, load_registry(), own_configs=options.config_dir is not None
        )


@contextmanager
def explained() -> Iterator[None]:
    """Turns errors of Hydra into errors for a person."""
    try:
        yield
    except (HydraException, OmegaConfBaseException, YAMLError) as error:
        raise ConfigurationError(explain(error)) from error


def _check_mode(options: argparse.Namespace) -> None:
    """Raises ConfigurationError for a sweeper without -m, which Hydra would ignore without a word."""
    multirun = ("experiment=", "hydra.mode=")  # overrides that may start a multirun as well
    if options.multirun or options.cfg or any(o.startswith(multirun) for o in options.overrides):
        return
    for override in options.overrides:
        if override.startswith(("hydra/sweeper", "hydra.sweeper")):
            raise ConfigurationError(f"{override!r} is for a sweep: add -m to train one.")


def tracking_settings(overrides: list[str]) -> Tracking:
    """The node `tracking` of the configuration with these overrides."""
    with explained():
        register(load_registry())
        check_arguments(overrides)
        with hydra.initialize_config_module("harness.conf", version_base="1.3"):
            # The launcher plays no part here, and Hydra may not have found it yet
            tree = hydra.compose(
                "config", overrides=["hydra/launcher=basic", "hydra/sweeper=basic", *overrides]
            )
    settings: Tracking = OmegaConf.to_object(tree.tracking)  # type: ignore[assignment]  # that is the type of this node
    return settings
