"""What stays fixed while runs of a group train, whichever of them are in the stack."""

from __future__ import annotations

from dataclasses import dataclass

from harness.backends import Backend
from harness.configuration.settings import Run
from harness.data.on_device import DeviceData
from harness.data.preparing import Prepared
from harness.errors import DataError
from harness.evaluation.metrics import metric_named
from harness.model.network import Network

__all__ = ["Setup", "batch_size_of", "network_of"]


def network_of(run: Run, data: Prepared) -> Network:
    """The network that a run trains on these data."""
    network: Network = run.config.network.sized(data.features, data.outputs)
    return network


def batch_size_of(run: Run, data: Prepared) -> int:
    """The samples of a step; "full" stands for all."""
    size, samples = run.config.training.batch_size, len(data.train)
    return samples if isinstance(size, str) else min(size, samples)


@dataclass(frozen=True)
class Setup:
    """What runs of one group have in common.

    Attributes:
        data: Data on the device of the backend.
        network: Network with the sizes that the data decide.
        batch_size: Samples of a step; the last step of an epoch may have fewer.
        samples: Samples of an epoch, all N of the training part or fewer.
        steps: Steps of an epoch, S.
    """

    data: DeviceData
    network: Network
    batch_size: int
    samples: int
    steps: int

    @classmethod
    def of(cls, run: Run, data: DeviceData) -> Setup:
        """The setup of any run of the group. Raises DataError where its metric is undefined."""
        training = run.config.training
        metric, held_out = metric_named(training.stopping.metric), len(data.data.validation)
        if 0 < held_out < metric.fewest_rows:
            raise DataError(
                f"{metric.label} is undefined for fewer than {metric.fewest_rows} validation rows. Got "
                f"{held_out}: use a larger split.validation, or training.stopping.metric=loss."
            )
        batch_size, samples = batch_size_of(run, data.data), len(data.data.train)
        if training.steps_per_epoch is not None:
            samples = min(samples, training.steps_per_epoch * batch_size)
        return cls(
            data=data,
            network=network_of(run, data.data),
            batch_size=batch_size,
            samples=samples,
            steps=-(-samples // batch_size),
        )

    @property
    def backend(self) -> Backend:
        """Where the runs train."""
        return self.data.backend
