from __future__ import annotations

import hashlib
import os
import socket
import stat
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from harness import DataError
from harness_datasets import download
from harness_datasets.download import fetch, write_atomically

CONTENT = bytes(range(256)) * 300
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path.startswith("/missing/"):
            self.send_error(404)
            return
        self.send_response(200)
        self.end_headers()
        if self.path.startswith("/slow/"):
            for byte in CONTENT:
                self.wfile.write(bytes([byte]))
                time.sleep(0.05)
        if self.path.startswith("/endless/"):
            for _ in range(10_000):
                self.wfile.write(CONTENT)
        self.wfile.write(CONTENT[1:] if self.path.startswith("/other/") else CONTENT)

    def handle(self):
        with suppress(ConnectionError):  # the client has closed the connection, as in some tests
            super().handle()

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def server():
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_port}/"
    httpd.shutdown()
    thread.join()
    httpd.server_close()


@pytest.fixture
def nobody():
    """An address where nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/"


def test_the_first_mirror_that_has_the_file_gives_it(server, nobody):
    mirrors = [nobody, f"{server}missing/", f"{server}other/", f"{server}good/"]
    assert fetch("file", SHA256, len(CONTENT), mirrors) == CONTENT


def test_every_failure_is_told(server, nobody):
    mirrors = [nobody, f"{server}missing/", f"{server}other/"]
    with pytest.raises(DataError, match=r"Cannot download file\.") as caught:
        fetch("file", SHA256, len(CONTENT), mirrors)
    for part in ("refused", "404", "another file (its SHA-256 differs)", *mirrors):
        assert part in str(caught.value)


def test_an_endless_file_is_cut_off(server):
    start = time.monotonic()
    with pytest.raises(DataError, match="SHA-256 differs"):
        fetch("file", SHA256, len(CONTENT), [f"{server}endless/"])
    assert time.monotonic() - start < 2


def test_a_slow_mirror_is_given_up(server, monkeypatch):
    monkeypatch.setattr(download, "DEADLINE", 0.2)
    with pytest.raises(DataError, match="not finished after"):
        fetch("file", SHA256, len(CONTENT), [f"{server}slow/"])


def test_a_mirror_that_never_answers_is_given_up(monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT", 0.1)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(DataError, match="timed out"):
            fetch("file", SHA256, 5, [f"http://127.0.0.1:{silent.getsockname()[1]}/"])


def test_writing_replaces_a_file_as_a_whole(tmp_path):
    path = tmp_path / "new" / "folder" / "file"
    write_atomically(path, b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert os.listdir(path.parent) == ["file"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_failed_write_leaves_nothing_behind(tmp_path, monkeypatch):
    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(tmp_path / "file", b"content")
    assert os.listdir(tmp_path) == []
