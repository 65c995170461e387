"""Every combination of the values that a command line lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import HydraContext

from harness.configuration.overrides import as_typed
from harness.errors import ConfigurationError

__all__ = ["batches"]


def batches(
    arguments: Sequence[str],
    params: Mapping[str, Any] | None,
    context: HydraContext,
    max_batch_size: int | None,
) -> list[list[list[str]]]:
    """The overrides of each job, in batches, as Hydra's basic sweeper reads them.

    Args:
        arguments: Overrides of the command line.
        params: `hydra.sweeper.params`, value by key; the command line has the last word on a key.
        context: Hydra's context, with the loader of configurations.
        max_batch_size: Most jobs of a batch; None for all jobs in one.

    Raises:
        ConfigurationError: For an interval, which has no values to list, and for a batch size below 1.
    """
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

    if max_batch_size is not None and max_batch_size < 1:
        raise ConfigurationError(
            f"'hydra.sweeper.max_batch_size' must be 1 or more, or null. Got {max_batch_size}."
        )
    parser = OverridesParser.create(config_loader=context.config_loader)
    lines = [*(f"{key}={value}" for key, value in (params or {}).items()), *arguments]
    overrides = parser.parse_overrides(lines)
    for override in overrides:
        if override.is_interval_sweep():
            raise ConfigurationError(
                f"{override.input_line!r}: a grid needs values, as in {override.key_or_group}=0.1,0.01. "
                f"To sample an interval, add hydra/sweeper=sobol (or random, halton, optuna)."
            )
    return [
        [[as_typed(override) for override in job] for job in batch]
        for batch in BasicSweeper.split_arguments(overrides, max_batch_size)
    ]
