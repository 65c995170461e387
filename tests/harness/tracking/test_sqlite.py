import sqlite3
from contextlib import closing

from harness.tracking import sqlite


def test_an_empty_store_is_made_once_and_copied_from_then_on(tmp_path, monkeypatch):
    def schema(path):
        with closing(sqlite3.connect(path)) as connection:
            return sorted(map(str, connection.execute("SELECT type, name, sql FROM sqlite_master")))

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    upgraded = []
    upgrade = sqlite.upgrade
    monkeypatch.setattr(sqlite, "upgrade", lambda uri: upgraded.append(uri) or upgrade(uri))
    for name in ("first", "second"):
        sqlite.create(tmp_path / f"{name}.db")
    assert len(upgraded) == 1
    assert schema(tmp_path / "first.db") == schema(tmp_path / "second.db")
    (cached,) = (tmp_path / "cache" / "harness").iterdir()
    cached.write_bytes(b"no database")
    sqlite.create(tmp_path / "third.db")
    assert len(upgraded) == 2  # the cached store is checked before it is used
    # (MLflow writes the constraints of a table in any order)
    assert len(schema(tmp_path / "third.db")) == len(schema(tmp_path / "first.db"))
