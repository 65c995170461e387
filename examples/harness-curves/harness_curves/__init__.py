"""Curves to fit for harness: regression with one feature."""

import harness
from harness_curves.curve import Curve

__all__ = ["Curve"]

harness_contract = 1  # the version of the plugin contract that this is written for


@harness.hookimpl
def harness_datasets() -> dict[str, type]:
    """One dataset, `curve`."""
    return {"curve": Curve}
