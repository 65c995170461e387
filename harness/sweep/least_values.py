"""What settings of launchers and sweepers may be at least."""

from __future__ import annotations

from collections.abc import Mapping

from harness.errors import ConfigurationError

__all__ = ["check_least_values"]


def check_least_values(settings: object, least: Mapping[str, float], key: str) -> None:
    """Raises ConfigurationError for the first setting that is below its least value, or NaN.

    Args:
        settings: An object with the settings as attributes.
        least: Least value of each setting, by name.
        key: How a message names a setting, as "hydra.launcher.{}".
    """
    for name, lowest in least.items():
        value = getattr(settings, name)
        if not value >= lowest:
            raise ConfigurationError(f"{key.format(name)} must be {lowest} or more. Got {value}.")
