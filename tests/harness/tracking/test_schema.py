from pathlib import Path

from harness.tracking.schema import newest_revision


def test_the_newest_revision_is_read_as_alembic_reads_it(mlflow_client):
    import mlflow
    from alembic.script import ScriptDirectory

    migrations = Path(mlflow.__file__).parent / "store" / "db_migrations"
    assert newest_revision() == ScriptDirectory(str(migrations)).get_current_head()
