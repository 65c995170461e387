"""Where Optuna's studies are kept, which samplers draw their trials, and how Optuna is kept quiet."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from harness.errors import ConfigurationError, MissingDependencyError, unknown_name

__all__ = ["SAMPLERS", "StudyStore", "quiet", "sampler_of"]

# CMA-ES is not among them: Optuna keeps its state as a pickle, which can run any code when it is read
SAMPLERS = ("tpe", "gp", "random")


def sampler_of(name: str, seed: int) -> Any:
    """A new sampler.

    Args:
        name: "tpe" (Bergstra et al. 2011), "gp" (a Gaussian process) or "random".
        seed: Seed of its draws.

    Raises:
        ConfigurationError: For another name.
        MissingDependencyError: Without Optuna, and without PyTorch for "gp".
    """
    if name not in SAMPLERS:
        raise unknown_name("sampler", name, SAMPLERS)
    samplers = _optuna().samplers
    if name == "gp":
        if importlib.util.find_spec("torch") is None:
            raise MissingDependencyError(
                "hydra.sweeper.sampler=gp needs PyTorch: pip install 'optimizer-harness[torch]'. "
                "Or take hydra.sweeper.sampler=tpe."
            )
        return samplers.GPSampler(seed=seed)
    return samplers.TPESampler(seed=seed) if name == "tpe" else samplers.RandomSampler(seed=seed)


class StudyStore:
    """A database of studies, open until the context is left.

    A SQLite file is created if there is none, and one process at a time may use it. On a server the user
    must not run two searches of one name at once: the second would close the open trials of the first.

    Args:
        url: URL of the database, as SQLAlchemy writes it.

    Raises:
        ConfigurationError: For a database that cannot be opened.
    """

    def __init__(self, url: str) -> None:
        self._exit = ExitStack()
        self._storage = _open(url, self._exit)

    def __enter__(self) -> StudyStore:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._exit.close()

    def study(self, name: str) -> Any:
        """The study of this name, or a new one if there is none. Higher scores are better."""
        with quiet():
            return _optuna().create_study(
                study_name=name, storage=self._storage, direction="maximize", load_if_exists=True
            )


def _open(url: str, closing: ExitStack) -> Any:
    """Optuna's storage; `closing` closes it."""
    optuna = _optuna()
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import SQLAlchemyError

    safe_url = url
    try:
        parsed = make_url(url)
        if (
            parsed.drivername == "postgresql"
        ):  # without a driver, SQLAlchemy 2.1 would choose another one
            parsed = parsed.set(drivername="postgresql+psycopg2")
        safe_url = parsed.render_as_string(hide_password=True)
        if parsed.get_backend_name() == "sqlite" and parsed.database:
            closing.enter_context(_locked(Path(parsed.database)))
        with quiet():
            storage = optuna.storages.RDBStorage(parsed.render_as_string(hide_password=False))
    except (SQLAlchemyError, ImportError, OSError) as error:
        closing.close()
        reason = str(getattr(error, "orig", error)).strip().splitlines()[0].rstrip(".")
        raise ConfigurationError(
            f"hydra.sweeper.storage={safe_url} cannot be opened: {reason}. It is the URL of a database, "
            f"as sqlite:///outputs/optuna.db or postgresql://user@host/name."
        ) from error
    closing.callback(storage.engine.dispose)
    closing.callback(storage.remove_session)
    return storage


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Keeps other searches out of a database file. The lock of a killed process releases itself."""
    from filelock import FileLock, Timeout

    file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(f"{file}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ConfigurationError(
            f"Another search is using {file}. Wait for it to end, or take another file with "
            f"hydra.sweeper.storage=sqlite:///…"
        ) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps Optuna and Alembic from logging, and from warning of experimental features."""
    import logging

    _optuna().logging.set_verbosity(logging.ERROR)
    alembic = logging.getLogger("alembic")
    level = alembic.level
    alembic.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        alembic.setLevel(level)


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise MissingDependencyError(
            "hydra/sweeper=optuna needs Optuna: pip install 'optimizer-harness[search]'."
        ) from error
    return optuna
