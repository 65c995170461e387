"""A sweep on a Ray cluster of two nodes against the same sweep on this machine alone.

    python benchmarks/cluster.py [--seeds 10] [--epochs 20]

3 optimizers × 3 initializers × 5 learning rates × `--seeds` seeds of digits 64-64-10, with logging to
MLflow: trained by the fused launcher, by Ray, and by Ray with a worker killed (SIGKILL) while it trains.
All numbers have to be the same to the last bit, and every run has to be in MLflow once. Both nodes are
on this machine, a core each, so a SQLite store is enough; nodes on several machines need a Postgres
database (tracking.uri=postgresql://…) or an MLflow server. Times are of whole processes; Ray's include
the start of its workers, each of which loads everything it needs.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

from ray.cluster_utils import Cluster

from harness.tracking.reading.logged_runs import search_runs

KIND = {"kind": "run"}
RESULTS = "outputs/sweeps/*/*/*/result.json"


def sweep(
    folder: Path, overrides: list[str], kill_after: int | None = None
) -> tuple[float, dict, list[str]]:
    """Trains in an empty folder. Returns seconds, results by job, and warnings of dead workers."""
    folder.mkdir()
    began = time.perf_counter()
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "harness", "train", "-m", *overrides],
            cwd=folder,
            stdout=log,
            stderr=log,
        )
        if kill_after is not None:
            kill_a_worker(folder, process, kill_after)
        status = process.wait()
    seconds = time.perf_counter() - began
    log = (folder / "log.txt").read_text()
    if status:
        raise SystemExit(f"The sweep ended with status {status}:\n{log}")
    by_job = {}
    for path in folder.glob(RESULTS):
        result = json.loads(path.read_text())
        by_job[path.parent.name] = {n: result[n] for n in ("overrides", "status", "metrics")}
    return seconds, by_job, [line for line in log.splitlines() if line.startswith("warning: a")]


def kill_a_worker(folder: Path, process: subprocess.Popen, after: int) -> None:
    """Kills a worker in the middle of its stack, once `after` runs are over."""
    while process.poll() is None:
        if "once more" in (folder / "log.txt").read_text():
            return
        pids = workers(folder) if len(list(folder.glob(RESULTS))) >= after else []
        for pid in pids[:1]:
            os.kill(pid, signal.SIGKILL)
            time.sleep(3)  # if its stack was just over, another worker has to die
        time.sleep(0.01)
    raise SystemExit("The sweep was over before a worker could be killed: take more --seeds.")


def workers(folder: Path) -> list[int]:
    """The processes that train a stack of the sweep that was started in a folder."""
    pids = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            title = (process / "cmdline").read_bytes()
            if title.startswith(b"ray::train_stack") and (process / "cwd").resolve() == folder:
                pids.append(int(process.name))
        except OSError:  # it is over
            continue
    return pids


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=20)
    options = parser.parse_args()
    overrides = [
        "dataset=digits",
        f"training.max_epochs={options.epochs}",
        "training.stopping.patience=null",
        "optimizer=sgd,heavy_ball,adam",
        "initializer=he_normal,glorot_uniform,lecun_normal",
        "optimizer.lr=0.3,0.1,0.03,0.01,0.003",
        f"seed=range({options.seeds})",
    ]
    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
    )
    cluster.add_node(num_cpus=1)
    count = 45 * options.seeds
    ray = [
        "hydra/launcher=ray",
        f"hydra.launcher.address={cluster.address}",
        f"hydra.launcher.stack_size={max(8, count // 12)}",
    ]
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary).resolve()
        rows = {
            "fused, this machine": sweep(root / "fused", overrides),
            "ray, two nodes": sweep(root / "ray", [*overrides, *ray]),
            "ray, a worker killed": sweep(root / "killed", [*overrides, *ray], count // 4),
        }
        logged = {
            name: len(search_runs(f"sqlite:///{root / folder}/outputs/mlflow.db", "harness", KIND))
            for name, folder in zip(rows, ("fused", "ray", "killed"), strict=True)
        }
    cluster.shutdown()
    expected = rows["fused, this machine"][1]
    print(f"{'':24}{'seconds':>9}{'results':>9}{'in MLflow':>11}{'identical':>11}{'retries':>9}")
    for name, (seconds, results, retries) in rows.items():
        same = sum(results.get(job) == result for job, result in expected.items())
        print(f"{name:24}{seconds:9.1f}{len(results):9}{logged[name]:11}{same:11}{len(retries):9}")
    identical = (
        all(results == expected for _, results, _ in rows.values())
        and rows["ray, a worker killed"][2]
    )
    if not identical or set(logged.values()) != {len(expected)}:
        raise SystemExit("The sweeps differ.")


if __name__ == "__main__":
    main()
