import http.server
import os
import signal
import socket
import subprocess
import sys
import threading

import pytest

from harness.errors import TrackingError
from harness.tracking.dashboard import open_dashboard, runs_page, start_dashboard


@pytest.fixture
def taken():
    """A port that another program listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_without_a_store_it_says_to_train_first(tmp_path):
    with pytest.raises(TrackingError, match="Train something first"):
        open_dashboard(f"sqlite:///{tmp_path}/none/mlflow.db", "test", "127.0.0.1", 5000, print)
    assert not (tmp_path / "none").exists()


def test_a_taken_port_is_reported_with_a_free_one(uri, taken):
    with pytest.raises(TrackingError, match=f"Port {taken} .* is taken") as caught:
        start_dashboard(uri, "127.0.0.1", taken)
    free = int(str(caught.value).rstrip(".").split()[-1])
    assert free > taken
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", free))


def test_a_host_that_is_not_this_machine_is_reported(uri):
    with pytest.raises(TrackingError, match=r"cannot use 192\.0\.2\.1:5000"):
        start_dashboard(uri, "192.0.2.1", 5000)  # RFC 5737: an address of nobody


def test_a_server_is_its_own_dashboard():
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    announced = []
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"127.0.0.1:{server.server_port}"
        open_dashboard(f"http://me:secret@{address}", "test", "127.0.0.1", 5000, announced.append)
        server.shutdown()
    assert announced == [f"http://{address} is an MLflow server: open it in a browser."]


OPEN = """
import sys
from harness.tracking.dashboard import open_dashboard
open_dashboard(sys.argv[1], "test", "127.0.0.1", int(sys.argv[2]), lambda text: print(text, flush=True))
print("over")
"""


@pytest.mark.slow
def test_it_runs_until_ctrl_c_and_leaves_the_port_free(uri):
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "-c", OPEN, uri, str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert runs_page("127.0.0.1", port, "1") in process.stdout.readline()
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, "over\n", "")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
