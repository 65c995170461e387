import http.server
import os
import socket
import sys
import threading
import time
from pathlib import Path

import pytest

from harness.errors import TrackingError
from harness.tracking.address import resolve_uri
from harness.tracking.reachable import check_reachable


def test_a_fresh_place_can_be_written(tmp_path):
    check_reachable(f"sqlite:///{tmp_path}/new/deep/mlflow.db")
    assert (tmp_path / "new" / "deep").is_dir()


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("these are notes, and no database at all")
    with pytest.raises(TrackingError, match="not a SQLite database"):
        check_reachable(f"sqlite:///{tmp_path}/notes.txt")
    with pytest.raises(TrackingError, match="not a SQLite database"):
        check_reachable(f"sqlite:///{tmp_path}")


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TrackingError, match=r"file.*cannot be created"):
        check_reachable(f"sqlite:///{tmp_path}/file/mlflow.db")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(TrackingError, match="cannot be written"):
        check_reachable(f"sqlite:///{tmp_path}/mlflow.db")


def test_a_server_that_is_down_is_reported_with_what_to_do():
    with socket.socket() as taken:  # bound and not listening: nobody can answer there
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(
            TrackingError, match=r"cannot be reached.*refused.*tracking\.uri=sqlite"
        ):
            check_reachable(f"http://user:secret@127.0.0.1:{port}")


def test_a_postgres_that_is_down_is_reported_in_seconds():
    with socket.socket() as taken:  # bound and not listening: nobody can answer there
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        uri = resolve_uri(f"postgresql://ada:secret@127.0.0.1:{port}/lab", Path("/"))
        before = time.monotonic()
        with pytest.raises(
            TrackingError, match=r"cannot be reached.*refused.*tracking\.uri="
        ) as no:
            check_reachable(uri)
    assert time.monotonic() - before < 6
    assert "secret" not in str(no.value)


def test_a_postgres_that_never_answers_is_reported_in_seconds():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        uri = f"postgresql+psycopg2://ada:secret@127.0.0.1:{silent.getsockname()[1]}/lab"
        before = time.monotonic()
        with pytest.raises(TrackingError, match=r"cannot be reached.*timeout"):
            check_reachable(uri)
    assert time.monotonic() - before < 15


@pytest.mark.parametrize("password", ["se/cret", "%cret", "12/cret", "se@cret"])
def test_a_password_that_is_not_escaped_is_not_shown(password):
    with pytest.raises(TrackingError, match="%40 for @") as caught:
        check_reachable(f"postgresql+psycopg2://ada:{password}@127.0.0.1:1/lab")
    assert "cret" not in str(caught.value)


def test_a_missing_driver_is_named_with_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg2", None)
    with pytest.raises(TrackingError, match=r"pip install 'optimizer-harness\[postgres\]'"):
        check_reachable("postgresql+psycopg2://host/lab")


@pytest.mark.parametrize(
    ("status", "reachable"), [(200, True), (401, True), (404, False), (500, False)]
)
def test_what_a_server_answers(status, reachable):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status if self.path == "/health" else 418)
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        uri = f"http://127.0.0.1:{server.server_port}"
        try:
            if reachable:
                check_reachable(uri)
            else:
                with pytest.raises(TrackingError, match=str(status)):
                    check_reachable(uri)
        finally:
            server.shutdown()
