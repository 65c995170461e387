"""The optimizer Lion for harness."""

import harness
from harness_lion.lion import Lion

__all__ = ["Lion"]

harness_contract = 1  # the version of the plugin contract that this is written for


@harness.hookimpl
def harness_optimizers() -> dict[str, type]:
    """One optimizer, `my_lion`: `lion` is the name of one of harness itself."""
    return {"my_lion": Lion}
