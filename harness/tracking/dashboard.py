"""The command `harness ui`: MLflow's dashboard on the configured store."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from harness.errors import TrackingError
from harness.tracking import postgres, sqlite
from harness.tracking.address import (
    SERVER,
    artifact_location,
    resolve_uri,
    sqlite_path,
    without_secrets,
)
from harness.tracking.mlflow_defaults import set_mlflow_defaults
from harness.tracking.reachable import check_reachable

__all__ = ["open_dashboard", "runs_page", "start_dashboard"]

START_TIMEOUT = 60.0  # seconds
HIGHEST_PORT = 65535


def open_dashboard(
    uri: str, experiment: str, host: str, port: int, announce: Callable[[str], object]
) -> None:
    """Serves the dashboard of a store until Ctrl-C. A server has its own: that one is announced.

    Args:
        uri: Address of the store, as in `tracking.uri`.
        experiment: Name of the experiment whose page is announced.
        host: Address that the dashboard listens at.
        port: Port that it listens at.
        announce: Called with one line for the user, once the dashboard answers.

    Raises:
        TrackingError: If there is no store yet, the port is taken, or the dashboard does not start.
    """
    resolved = resolve_uri(uri, Path.cwd())
    if resolved.startswith(SERVER):
        check_reachable(resolved)
        announce(f"{without_secrets(resolved)} is an MLflow server: open it in a browser.")
        return
    dashboard = start_dashboard(resolved, host, port)
    try:
        announce(f"MLflow's dashboard (Ctrl-C ends it): {_page(resolved, experiment, host, port)}")
        dashboard.wait()
    except KeyboardInterrupt:
        pass
    finally:
        dashboard.terminate()
        dashboard.wait()


def runs_page(host: str, port: int, experiment_id: str) -> str:
    """The page of an experiment's runs and their curves.

    Without the workflow type, MLflow 3 opens a page for traces of language models.
    """
    query = "workflowType=machine_learning&compareRunsMode=CHART"
    return f"http://{host}:{port}/#/experiments/{experiment_id}/runs?{query}"


def _page(uri: str, experiment: str, host: str, port: int) -> str:
    path = sqlite_path(uri)
    if path is None:
        experiment_id = postgres.experiment_id(uri, experiment)
    else:
        experiment_id = sqlite.experiment_id(path, experiment)
    page = f"http://{host}:{port}"
    return page if experiment_id is None else runs_page(host, port, str(experiment_id))


def start_dashboard(uri: str, host: str, port: int) -> subprocess.Popen[str]:
    """Starts the dashboard of a resolved store that is a database. Returns once it answers."""
    if not _exists(uri):
        raise TrackingError(
            f"There is no MLflow store at {without_secrets(uri)} yet. Train something first, as with "
            f"`harness train`, or give its address: tracking.uri=sqlite:////path/to/mlflow.db"
        )
    if not _is_free(host, port):
        raise TrackingError(
            f"Port {port} of {host} is taken by another program. "
            f"The next free one is {_next_free(host, port)}."
        )
    set_mlflow_defaults()
    command = [sys.executable, "-P", "-m", "mlflow", "server"]
    command += ["--default-artifact-root", str(artifact_location(uri))]
    command += ["--host", host, "--port", str(port), "--workers", "1"]
    environment = os.environ | {
        "MLFLOW_BACKEND_STORE_URI": uri,  # an argument would show a password to everybody
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    with tempfile.TemporaryFile("w+", encoding="utf-8") as log:
        dashboard = subprocess.Popen(command, env=environment, stdout=log, stderr=log, text=True)
        try:
            _wait_until_up(dashboard, host, port)
        except BaseException:
            dashboard.terminate()
            dashboard.wait()
            raise
        if dashboard.returncode is not None:
            log.seek(0)
            raise TrackingError(f"MLflow's dashboard did not start:\n{log.read()[-2000:].strip()}")
    return dashboard


def _exists(uri: str) -> bool:
    """Whether the database has a store. Raises TrackingError if it cannot be used."""
    path = sqlite_path(uri)
    if path:
        if path.exists():
            check_reachable(uri)
        return path.exists()
    with closing(postgres.connect(uri)) as connection:
        return postgres.revision(connection) is not None


def _wait_until_up(dashboard: subprocess.Popen[str], host: str, port: int) -> None:
    """Returns once the dashboard answers, or has ended."""
    deadline = time.monotonic() + START_TIMEOUT
    while dashboard.poll() is None:
        with suppress(OSError), urllib.request.urlopen(f"http://{host}:{port}/health"):
            return
        if time.monotonic() > deadline:
            raise TrackingError(f"MLflow's dashboard did not answer within {START_TIMEOUT:.0f} s.")
        time.sleep(0.1)


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise TrackingError(
                f"The dashboard cannot use {host}:{port}: {error.strerror}."
            ) from error
    return True


def _next_free(host: str, port: int) -> int:
    return next(free for free in range(port + 1, HIGHEST_PORT) if _is_free(host, free))
