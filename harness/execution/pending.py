"""A job on its way to a result."""

from __future__ import annotations

from dataclasses import dataclass

from harness.configuration.job import Job
from harness.configuration.settings import Run
from harness.data.preparing import Prepared
from harness.registry.faults import PluginFault
from harness.training.records import Result

__all__ = ["PendingJob"]


@dataclass(eq=False)
class PendingJob:
    """A job on its way to a result.

    Attributes:
        job: The run, and the folder for its results.
        data: Its prepared data, or the fault of the plugin whose dataset did not load.
        identity: SHA-256 of what the run computes, see `configuration.identity`.
        result: How it ended; None until then.
    """

    job: Job
    data: Prepared | PluginFault
    identity: str
    result: Result | None = None

    @property
    def run(self) -> Run:
        """The run of the job."""
        return self.job.run
