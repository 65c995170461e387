"""MLflow's schema of a database: whether a revision is the newest, and how to bring one up to it."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

from harness.errors import TrackingError

__all__ = ["needs_upgrade", "newest_revision", "upgrade"]


def newest_revision() -> str | None:
    """The revision of the installed MLflow, read from its files; None if they are unclear."""
    spec = find_spec("mlflow")
    folders = spec.submodule_search_locations if spec else None
    if not folders:
        return None
    revisions, followed = set(), set()
    for file in Path(folders[0], "store", "db_migrations", "versions").glob("*.py"):
        text = file.read_text(encoding="utf-8")
        revisions |= set(re.findall(r'^revision = "(\w+)"', text, re.MULTILINE))
        followed |= set(re.findall(r'^down_revision = "(\w+)"', text, re.MULTILINE))
    heads = revisions - followed
    return heads.pop() if len(heads) == 1 else None


def needs_upgrade(revision: str, store: str) -> bool:
    """Whether a database needs MLflow's migrations.

    Args:
        revision: Revision that the database has.
        store: Address or path of the database, for messages.

    Raises:
        TrackingError: If the revision is of a newer MLflow than the installed one.
    """
    if revision == newest_revision():
        return False
    import mlflow
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    revisions = ScriptDirectory(str(Path(mlflow.__file__).parent / "store" / "db_migrations"))
    if revision == revisions.get_current_head():
        return False
    try:
        revisions.get_revision(revision)
    except CommandError as error:
        raise TrackingError(
            f"The MLflow store {store} was written by a newer version of MLflow than the installed "
            f"{mlflow.__version__}. Update it: pip install --upgrade mlflow"
        ) from error
    return True


def upgrade(uri: str) -> None:
    """The command `mlflow db upgrade`: creates the tables, or brings them to MLflow's version."""
    from mlflow import db

    db.upgrade.main([uri], standalone_mode=False)
