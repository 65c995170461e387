"""The parts of a dataset on the device of a backend, shared by all stacks that train on them."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np

from harness.backends import Backend
from harness.contracts import Array
from harness.data.preparing import Part, Prepared
from harness.errors import DataError

__all__ = ["DeviceData", "DevicePart"]


@dataclass(frozen=True)
class DevicePart:
    """A part of a dataset on a device.

    Attributes:
        part: The part on the host.
        features: Its features on the device, (N, F).
        targets: Its targets on the device, (N, K).
    """

    part: Part
    features: Array
    targets: Array

    def __len__(self) -> int:
        return len(self.part)


class DeviceData:
    """Prepared data on a device. A part is copied once, when it is first asked for.

    Args:
        backend: Backend that the device belongs to.
        data: Data on the host.
    """

    def __init__(self, backend: Backend, data: Prepared) -> None:
        self.backend = backend
        self.data = data
        self._parts: dict[str, DevicePart] = {}
        self._lock = threading.Lock()  # stacks train in threads

    def part(self, name: str) -> DevicePart:
        """The part of this name: "train", "validation" or "test".

        Raises DataError where a number of it is beyond those of the backend's type.
        """
        with self._lock:
            if name not in self._parts:
                part: Part = getattr(self.data, name)
                self._check_range(name, "features", part.features)
                self._check_range(name, "targets", part.targets)
                to_device = self.backend.to_device
                features, targets = to_device(part.features), to_device(part.targets)
                self._parts[name] = DevicePart(part, features, targets)
            return self._parts[name]

    def _check_range(self, name: str, what: str, values: np.ndarray) -> None:
        largest = float(np.finfo(self.backend.dtype).max)
        reached = max(float(values.max()), -float(values.min())) if values.size else 0.0
        if largest < reached < np.inf:
            row, column = np.argwhere(np.abs(values) == reached)[0]
            raise DataError(
                f"{self.data.source}: {what} of the {name} part reach {reached:.3g} in column "
                f"{column + 1}, row {row + 1} of the part (both counted from 1). {self.backend.dtype} "
                f"ends at {largest:.3g}. Give them in a larger unit, scale them by the training part "
                f"with split.scale=standard, or set backend.dtype=float64."
            )
