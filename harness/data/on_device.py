"""The parts of a dataset where a backend's arrays live, shared by all stacks that train on them."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from harness.backends import Backend
from harness.contracts import Array
from harness.data.preparing import Part, Prepared

__all__ = ["DeviceData", "DevicePart"]


@dataclass(frozen=True)
class DevicePart:
    """A part with its features (N, F) and targets (N, K) on the device."""

    part: Part
    features: Array
    targets: Array

    def __len__(self) -> int:
        return len(self.part)


class DeviceData:
    """Prepared data on a device; a part is placed when it is first asked for, and once."""

    def __init__(self, backend: Backend, data: Prepared) -> None:
        self.backend = backend
        self.data = data
        self._parts: dict[str, DevicePart] = {}
        self._lock = threading.Lock()  # stacks train in threads

    def part(self, name: str) -> DevicePart:
        """The part of this name: "train", "validation" or "test"."""
        with self._lock:
            if name not in self._parts:
                part: Part = getattr(self.data, name)
                place = self.backend.to_device
                self._parts[name] = DevicePart(part, place(part.features), place(part.targets))
            return self._parts[name]
