"""The writer process, as `Tracker` starts it; more of it is tested in test_tracker.py."""

import json
import signal
import subprocess
import sys
import time

import pytest

from harness.tracking.address import sqlite_path
from harness.tracking.receipt import read_receipt
from harness.tracking.tracker import replay
from journals import finished, store_of, whole


@pytest.mark.slow
def test_a_writer_that_is_killed_at_any_time_loses_and_doubles_nothing(uri, tmp_path):
    folders, complete = [], []
    for turn, delay in enumerate([0, 0.02, 0.04, 0.06, 0.08, 0.1]):
        new_folders = [finished(tmp_path, 150 * turn + number) for number in range(150)]
        lines = [
            {"uri": uri, "experiment": "test"},
            *({"folder": str(folder)} for folder in new_folders),
        ]
        with subprocess.Popen(
            [sys.executable, "-m", "harness.tracking.writing.writer"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        ) as writer:
            writer.stdin.write("".join(json.dumps(line) + "\n" for line in lines))
            writer.stdin.flush()
            deadline = time.monotonic() + 30
            while not read_receipt(new_folders[0]):
                assert time.monotonic() < deadline
                time.sleep(0.001)
            time.sleep(delay)
            writer.send_signal(signal.SIGKILL)
        complete.append(sum(read_receipt(folder).get("complete", False) for folder in new_folders))
        folders += new_folders
    assert min(complete) < 150  # or none was killed in time
    ids = replay(folders, uri)
    assert len(set(ids.values())) == 900
    assert sorted(store_of(uri)) == sorted(whole(range(900)))
    for folder in folders:
        artifact = sqlite_path(uri).parent / "mlartifacts" / ids[str(folder)] / "artifacts"
        assert (artifact / "config.yaml").read_text() == (folder / "config.yaml").read_text()
