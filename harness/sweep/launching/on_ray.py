"""Trains the jobs of a Hydra multirun on a Ray cluster, a stack a task."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from hydra.core.utils import JobReturn, configure_log, setup_globals
from hydra.types import HydraContext
from omegaconf import DictConfig

from harness.errors import ConfigurationError, MissingDependencyError
from harness.execution.session import session
from harness.sweep.composition import compose_jobs
from harness.sweep.launching.remote import RemoteStacks, check_store, train_stack
from harness.sweep.multirun import job_returns

if TYPE_CHECKING:
    from hydra_plugins.harness_launchers.ray import RayLauncherConf

__all__ = ["launch"]

QUIET = {  # read when Ray is imported
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",  # what its processes print; the ledger says what matters
}
OBJECT_STORE = 100 * 2**20  # bytes of a local cluster: a message is a few kilobytes
INTERVAL = 0.5  # seconds between two looks at what is over
PATIENCE = 10.0  # seconds for interrupted workers to write down what they have, and to connect


def launch(
    context: HydraContext,
    config: DictConfig,
    job_overrides: Sequence[Sequence[str]],
    first: int,
    settings: RayLauncherConf,
) -> list[JobReturn]:
    """Returns a JobReturn for each list of overrides, in order."""
    setup_globals()
    configure_log(config.hydra.hydra_logging, config.hydra.verbose)
    jobs = compose_jobs(context, config, job_overrides, first)
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
        max_retries=0,  # the ledger has to clean up first
        scheduling_strategy="SPREAD",
    )
    with session(tracking) as (tracker, progress):
        ledger = RemoteStacks(jobs, tracker, progress, settings.stack_size)
        if unmet:  # the cluster may be one that grows on demand
            ledger.warn(f"{unmet} Waiting for one that has.")
        workers = max(1, int(settings.num_cpus))
        _train(ray, task, ledger, workers, _places(nodes, claims), settings.max_retries)
        return job_returns(config, jobs, ledger.results())


def _train(
    ray: Any, task: Any, ledger: RemoteStacks, workers: int, places: int, max_retries: int
) -> None:
    """Has all stacks trained. A stack whose worker or node dies is sent out again.

    places: tasks that the machines have room for.
    """
    pending = {task.remote(ledger.text(stack), workers): (stack, 0) for stack in ledger.stacks}
    try:
        while pending:
            for stack, _ in islice(pending.values(), places):  # Ray starts them in this order
                ledger.begin(stack)
            done, _ = ray.wait(list(pending), num_returns=1, timeout=INTERVAL)
            if not done:
                ledger.wait()
                continue
            (over,) = done
            stack, retries = pending.pop(over)
            try:
                ledger.take(stack, ray.get(over))
            except ray.exceptions.RayError as error:
                left = ledger.unfinished(stack)
                cause = _words(ray, error)
                if isinstance(error, ray.exceptions.RayTaskError) or retries == max_retries:
                    ledger.lose(left, f"{cause} (after {retries} retries)\n{error}", cause)
                elif left:
                    ledger.warn(f"{cause}: training {len(left)} runs of its stack once more")
                    pending[task.remote(ledger.text(left), workers)] = (left, retries + 1)
    finally:  # nothing is pending but after an interruption
        for reference in pending:
            ray.cancel(reference)
        if pending:
            ray.wait(list(pending), num_returns=len(pending), timeout=PATIENCE)


def _connected(address: str | None) -> Any:
    """The library Ray, connected to a cluster: the one of this process if there is one.

    A local cluster lives as long as this process: sweepers may launch several batches.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError as error:
        raise MissingDependencyError(
            "hydra/launcher=ray needs Ray, which is not installed. Install it with "
            "pip install 'harness[ray]', or leave hydra/launcher out to train on this machine."
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
    """Raises OSError or ValueError if nothing listens there: Ray itself would try for minutes."""
    if address == "auto":
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not (host and port.isdigit()):
        raise ValueError("it is not of the form HOST:PORT")
    socket.create_connection((host.strip("[]"), int(port)), PATIENCE).close()


def _unmet(nodes: Sequence[dict[str, Any]], claims: dict[str, float]) -> str:
    """What is wrong if no machine has what a task claims; "" if one has."""
    for node in nodes:
        if all(node["Resources"].get(name, 0) >= claim for name, claim in claims.items()):
            return ""
    most = {name: max(node["Resources"].get(name, 0) for node in nodes) for name in claims}
    return (
        f"No machine of the Ray cluster has hydra.launcher.num_cpus={claims['CPU']:g} and "
        f"hydra.launcher.num_gpus={claims['GPU']:g}: the most are {most['CPU']:g} CPUs and "
        f"{most['GPU']:g} GPUs."
    )


def _places(nodes: Sequence[dict[str, Any]], claims: dict[str, float]) -> int:
    """How many tasks with these claims the machines have room for, when they do nothing else.

    >>> nodes = [{"Resources": {"CPU": 4.0}}, {"Resources": {"CPU": 3.0, "GPU": 1.0}}]
    >>> _places(nodes, {"CPU": 2.0, "GPU": 0.0}), _places(nodes, {"CPU": 0.0, "GPU": 0.5})
    (3, 2)
    """
    positive = {name: claim for name, claim in claims.items() if claim > 0}
    each = [
        min((int(node["Resources"].get(name, 0) / claim) for name, claim in positive.items()))
        for node in nodes
        if positive
    ]
    return sum(each)


def _words(ray: Any, error: Exception) -> str:
    """What has happened to a task, in a few words."""
    known = {
        ray.exceptions.WorkerCrashedError: "a worker process died",
        ray.exceptions.NodeDiedError: "a machine of the Ray cluster died",
        ray.exceptions.OutOfMemoryError: "a worker was stopped, its machine being out of memory",
    }
    for kind, words in known.items():
        if isinstance(error, kind):
            return words
    cause = getattr(error, "cause", None) or error
    return f"{type(cause).__name__}: {cause}".strip().splitlines()[0]
