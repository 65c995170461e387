"""The hooks of a plugin: each returns components by name, and changes nothing.

    import harness

    harness_contract = 1

    @harness.hookimpl
    def harness_optimizers():
        return {"my_rule": MyRule}

A plugin is an importable module that is registered under the entry-point group `harness.plugins`. It
states the version of the contract that it was written for (`contracts.py`).
"""

from __future__ import annotations

from collections.abc import Mapping

import pluggy

hookspec = pluggy.HookspecMarker("harness")
hookimpl = pluggy.HookimplMarker("harness")
"""Marks a function of a plugin as the implementation of the hook of its name."""

Components = Mapping[str, type]


@hookspec
def harness_backends() -> Components:
    """Backends by name: where arrays live and what computes on them."""


@hookspec
def harness_datasets() -> Components:
    """Datasets by name."""


@hookspec
def harness_optimizers() -> Components:
    """Update rules by name."""


@hookspec
def harness_wrappers() -> Components:
    """Wrappers by name: changes around the steps of any update rule."""


@hookspec
def harness_schedules() -> Components:
    """Learning-rate schedules by name."""


@hookspec
def harness_initializers() -> Components:
    """Initializers by name, for weights and for biases alike."""


@hookspec
def harness_losses() -> Components:
    """Main losses by name."""


@hookspec
def harness_auxiliary_losses() -> Components:
    """Auxiliary losses by name."""
