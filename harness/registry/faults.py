"""Whose fault an error is: which component, of which plugin, raised it.

Nothing is wrapped for that: a traceback holds the frames that an error has passed through, and the
frame of a method holds its component as `self`.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from types import FrameType, TracebackType

from harness.errors import BrokenPromise, HarnessError
from harness.registry.loading import on_one_line
from harness.registry.registry import Registry

__all__ = ["PluginFault", "plugin_fault"]


@dataclass(frozen=True)
class PluginFault:
    """An error of a plugin.

    Attributes:
        message: What went wrong, in a sentence for a person.
        details: The same with the plugin's own frames.
    """

    message: str
    details: str


def plugin_fault(error: BaseException, registry: Registry) -> PluginFault | None:
    """The fault of the plugin that raised an error; None where no plugin did.

    An error that a plugin raises for a person (a HarnessError) is no fault of it.
    """
    if isinstance(error, BrokenPromise):
        owner = registry.owner(type(error.component))
        who = str(owner) if owner else type(error.component).__name__
        message = f"The {who} breaks its contract: {error.requirement}."
        return PluginFault(message, message)
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, HarnessError):
        raised = _raised_by_plugin(cause, registry)
        if raised is not None:
            who, frames = raised
            message = f"The {who} raised {on_one_line(cause)}."
            return PluginFault(message, f"{message}\n\n{frames}")
        cause = cause.__cause__
    return None


def _raised_by_plugin(error: BaseException, registry: Registry) -> tuple[str, str] | None:
    """Who raised an error, and its traceback from there on."""
    steps: list[TracebackType] = []
    step = error.__traceback__
    while step is not None:
        steps.append(step)
        step = step.tb_next
    for step in reversed(steps):
        who = _who(step.tb_frame, registry)
        if who is not None:
            lines = traceback.format_exception(type(error), error, step, chain=False)
            return who, "".join(lines)
    return None


def _who(frame: FrameType, registry: Registry) -> str | None:
    """The component whose method a frame is, or the plugin of a third party whose code it is."""
    owner = registry.owner(type(frame.f_locals.get("self")))
    if owner is not None:
        return f"method {frame.f_code.co_name} of the {owner}"
    module = str(frame.f_globals.get("__name__", ""))
    for plugin in registry.plugins:
        if not plugin.own and f"{module}.".startswith(f"{plugin.module.partition(':')[0]}."):
            where = f"{frame.f_code.co_name} of the plugin {plugin.name}"
            return f"function {where} ({plugin.distribution} {plugin.version})"
    return None
