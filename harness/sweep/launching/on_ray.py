"""Trains the jobs of a Hydra multirun on a Ray cluster, a stack a task."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from hydra.core.utils import JobReturn
from hydra.types import HydraContext
from omegaconf import DictConfig

from harness.errors import ConfigurationError, MissingDependencyError
from harness.execution.session import session
from harness.sweep.launching.remote_stacks import RemoteStacks
from harness.sweep.launching.shared_store import check_store
from harness.sweep.launching.worker import train_stack
from harness.sweep.least_values import check_least_values
from harness.sweep.multirun import job_returns, jobs_to_launch

__all__ = ["RaySettings", "launch_on_ray"]

QUIET = {  # read when Ray is imported
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",  # the output of its processes; `RemoteStacks` shows what matters
}
OBJECT_STORE = 100 * 2**20  # bytes, of a local cluster: a text of jobs has a few kilobytes
INTERVAL = 0.5  # seconds between two looks at which tasks are over
PATIENCE = 10.0  # seconds to connect, and for interrupted workers to write down what they have


@dataclass(frozen=True)
class RaySettings:
    """The node `hydra.launcher` of `hydra/launcher=ray`, see `RayLauncherConf` there."""

    address: str | None
    num_cpus: float
    num_gpus: float
    stack_size: int
    max_retries: int

    def __post_init__(self) -> None:
        least = {"num_cpus": 0, "num_gpus": 0, "stack_size": 1, "max_retries": 0}
        check_least_values(self, least, "hydra.launcher.{}")


def launch_on_ray(
    context: HydraContext,
    config: DictConfig,
    job_overrides: Sequence[Sequence[str]],
    first: int,
    settings: RaySettings,
) -> list[JobReturn]:
    """Trains the jobs of a batch on Ray.

    Args:
        context: Hydra's context, with the loader of configurations.
        config: Configuration of the sweep.
        job_overrides: Overrides of each job.
        first: Number of the first job.
        settings: Which cluster, and how it is used.

    Returns:
        A JobReturn for each job, in order.
    """
    jobs = jobs_to_launch(context, config, job_overrides, first)
    ray = _connected(settings.address)
    nodes = [node for node in ray.nodes() if node["Alive"]]
    tracking = jobs[0].run.config.tracking
    check_store(tracking, [node["NodeManagerHostname"] for node in nodes])
    claims = {"CPU": settings.num_cpus, "GPU": settings.num_gpus}
    unmet = _unmet(nodes, claims)
    if unmet and settings.address is None:
        raise ConfigurationError(unmet)
    task = ray.remote(train_stack).options(
        num_cpus=settings.num_cpus,
        num_gpus=settings.num_gpus,
        max_retries=0,  # `RemoteStacks` has to clean up first
        scheduling_strategy="SPREAD",
    )
    with session(tracking) as (tracker, progress):
        remote_stacks = RemoteStacks(jobs, tracker, progress, settings.stack_size)
        if unmet:  # the cluster may be one that grows on demand
            remote_stacks.warn(f"{unmet} Waiting for one that has.")
        workers = max(1, int(settings.num_cpus))
        _train(
            ray, task, remote_stacks, workers, _tasks_at_once(nodes, claims), settings.max_retries
        )
        return job_returns(config, jobs, remote_stacks.results())


def _train(
    ray: Any, task: Any, remote_stacks: RemoteStacks, workers: int, tasks: int, max_retries: int
) -> None:
    """Trains all stacks. A stack whose worker or machine dies is sent out again.

    Args:
        ray: The library, connected to a cluster.
        task: `train_stack` as a remote function of Ray.
        remote_stacks: The stacks, and their results so far.
        workers: Number of stacks that a task trains at the same time.
        tasks: Number of tasks that the cluster runs at the same time.
        max_retries: How often a stack is sent out again.
    """
    pending = {
        task.remote(remote_stacks.text(stack), workers): (stack, 0)
        for stack in remote_stacks.stacks
    }
    try:
        while pending:
            for stack, _ in islice(pending.values(), tasks):  # Ray starts them in this order
                remote_stacks.start(stack)
            done, _ = ray.wait(list(pending), num_returns=1, timeout=INTERVAL)
            if not done:
                remote_stacks.wait()
                continue
            (reference,) = done
            stack, retries = pending.pop(reference)
            try:
                remote_stacks.receive(stack, ray.get(reference))
            except ray.exceptions.RayError as error:
                unfinished = remote_stacks.unfinished(stack)
                cause = _cause(ray, error)
                if isinstance(error, ray.exceptions.RayTaskError) or retries == max_retries:
                    remote_stacks.fail(
                        unfinished, f"{cause} (after {retries} retries)\n{error}", cause
                    )
                elif unfinished:
                    remote_stacks.warn(
                        f"{cause}: training {len(unfinished)} runs of its stack once more"
                    )
                    reference = task.remote(remote_stacks.text(unfinished), workers)
                    pending[reference] = (unfinished, retries + 1)
    finally:  # something is pending only after an interruption
        for reference in pending:
            ray.cancel(reference)
        if pending:
            ray.wait(list(pending), num_returns=len(pending), timeout=PATIENCE)


def _connected(address: str | None) -> Any:
    """The library Ray, connected to a cluster: to that of this process if it has one already.

    A local cluster lives as long as this process, because sweepers may launch several batches.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError as error:
        raise MissingDependencyError(
            "hydra/launcher=ray needs Ray, which is not installed. Install it with "
            "pip install 'optimizer-harness[ray]', or leave hydra/launcher out to train on this machine."
        ) from error
    if ray.is_initialized():
        return ray
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL}
    if address is None:
        ray.init("local", include_dashboard=False, object_store_memory=OBJECT_STORE, **options)
        return ray
    try:
        _check_listening(address)
        ray.init(address, **options)
    except (OSError, RuntimeError, ValueError, ImportError) as error:
        raise ConfigurationError(
            f"There is no Ray cluster at hydra.launcher.address={address}: {error}. Give the address "
            f"that `ray start --head` has shown, as in 10.0.0.1:6379; auto for the cluster that this "
            f"machine belongs to; or null to start one here for the sweep."
        ) from error
    return ray


def _check_listening(address: str) -> None:
    """Raises OSError or ValueError if nothing listens there. Ray itself would try for minutes."""
    if address == "auto":
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not (host and port.isdigit()):
        raise ValueError("it is not of the form HOST:PORT")
    socket.create_connection((host.strip("[]"), int(port)), PATIENCE).close()


def _unmet(nodes: Sequence[dict[str, Any]], claims: dict[str, float]) -> str:
    """A message if no machine has what a task claims; "" if one has."""
    for node in nodes:
        if all(node["Resources"].get(name, 0) >= claim for name, claim in claims.items()):
            return ""
    most = {name: max(node["Resources"].get(name, 0) for node in nodes) for name in claims}
    return (
        f"No machine of the Ray cluster has hydra.launcher.num_cpus={claims['CPU']:g} and "
        f"hydra.launcher.num_gpus={claims['GPU']:g}: the most are {most['CPU']:g} CPUs and "
        f"{most['GPU']:g} GPUs."
    )


def _tasks_at_once(nodes: Sequence[dict[str, Any]], claims: dict[str, float]) -> int:
    """How many tasks with these claims the machines can run at the same time, if they do nothing else.

    >>> nodes = [{"Resources": {"CPU": 4.0}}, {"Resources": {"CPU": 3.0, "GPU": 1.0}}]
    >>> _tasks_at_once(nodes, {"CPU": 2.0, "GPU": 0.0}), _tasks_at_once(nodes, {"GPU": 0.5})
    (3, 2)
    """
    positive = {name: claim for name, claim in claims.items() if claim > 0}
    if not positive:
        return 0
    return sum(
        min(int(node["Resources"].get(name, 0) / claim) for name, claim in positive.items())
        for node in nodes
    )


def _cause(ray: Any, error: Exception) -> str:
    """What has happened to a task, in a few words."""
    causes = {
        ray.exceptions.WorkerCrashedError: "a worker process died",
        ray.exceptions.NodeDiedError: "a machine of the Ray cluster died",
        ray.exceptions.OutOfMemoryError: "a worker was stopped, its machine being out of memory",
    }
    for kind, cause in causes.items():
        if isinstance(error, kind):
            return cause
    original = getattr(error, "cause", None) or error
    return f"{type(original).__name__}: {original}".strip().splitlines()[0]
