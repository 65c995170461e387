"""Which runs a store has finished already, and what a job gets of them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest

from harness.configuration.job import Job
from harness.execution.pending import PendingJob
from harness.execution.resume import IDENTITIES, read_identities, reuse_finished, write_identities
from harness.registry.faults import PluginFault
from harness.tracking.events import MetricsLogged, RunEnded, RunStarted
from harness.tracking.reading.logged_runs import LoggedRun
from harness.tracking.tracker import Tracker
from harness.training.records import Status

pytestmark = pytest.mark.slow  # starts the writer process

METRICS = {"best/validation/loss": 0.25, "test/loss": 0.5, "best/epoch": 1.0}


def log(tracker, folder, identity, status, phase=""):
    """A run as training leaves it; status None: it was killed."""
    key = str(folder)
    tags = {"kind": "run", "identity": identity, "folder": key}
    if phase:
        tags["phase"] = phase
    tracker.start(RunStarted(key, key, "harness", f"run {folder.name}", 0, tags))
    for epoch in (1, 2):
        tracker.log(MetricsLogged(key, epoch, epoch, {"train/loss": 1.0 / epoch}))
    if status is None:
        return
    result = {
        "name": f"run {folder.name}",
        "folder": key,
        "overrides": ["seed=1"],
        "names": {"optimizer": "sgd"},
        "status": status,
        "epochs": 2,
        "best_epoch": 1,
        "metrics": METRICS,
        "error": "",
    }
    (folder / "result.json").write_text(json.dumps(result))
    (folder / "metrics.csv").write_text(f"epoch\nof {identity}\n")
    tracker.end(RunEnded(key, Status(status), 3, metrics=METRICS))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """The address of a store with one run of each kind, and the folder of their folders."""
    folder = tmp_path_factory.mktemp("resume")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    with Tracker(uri, "harness") as tracker:
        log(tracker, folder / "failed before", "again", "failed")
        for status in Status:
            log(tracker, folder / status, status.value, status.value)
        log(tracker, folder / "killed", "killed", None)
        for name in ("gone", "reused"):
            log(tracker, folder / name, name, "finished")
        log(tracker, folder / "again", "again", "finished")
        log(tracker, folder / "failed after", "again", "failed")
        for phase in ("", "final", "untuned"):
            log(tracker, folder / f"phase {phase}", "phased", "finished", phase)
        log(tracker, folder / "tuned", "tuned", "finished", "tuning")
    with Tracker(uri, "harness") as tracker:
        log(tracker, folder / "reused", "another", "diverged")
    shutil.rmtree(folder / "gone")
    return uri, folder


@pytest.fixture
def ask(store, run_of, tmp_path):
    """Asks for jobs with these identities; gives the results by identity."""
    uri, _ = store

    def go(*identities, skip=True, experiment="harness", phase=""):
        run = run_of("skip_finished=true")
        tracking = replace(run.config.tracking, uri=uri, experiment=experiment, phase=phase)
        config = replace(run.config, tracking=tracking, skip_finished=skip)
        run = replace(run, config=config)
        pending = [
            PendingJob(
                Job(run, tmp_path / str(number), f"job {number}", ("seed=5",)),
                PluginFault("data play no part", ""),
                identity,
            )
            for number, identity in enumerate(identities)
        ]
        rest = reuse_finished(pending)
        assert rest == [p for p in pending if p.result is None]
        return {p.identity: p.result for p in pending if p.result is not None}

    return go


def test_what_is_done_is_reused_and_what_failed_is_not(ask):
    done = {"finished", "stopped_early", "dropped", "diverged"}
    results = ask(*(status.value for status in Status), "killed", "unknown")
    assert set(results) == done
    assert {identity: result.status for identity, result in results.items()} == {s: s for s in done}


@pytest.mark.parametrize("identity", ["finished", "failed", "killed", "unknown"])
def test_a_job_alone_is_asked_for_alone(identity, ask):
    """As `hydra/launcher=basic` does."""
    assert set(ask(identity)) == ({"finished"} & {identity})


def test_an_identity_that_finished_once_is_done_whatever_came_before_or_after(ask, store):
    assert ask("again", "x")["again"].folder == str(store[1] / "again")


def test_nothing_is_reused_unasked_or_from_elsewhere(ask, tmp_path):
    assert not ask("finished", "diverged", skip=False)
    assert not ask("finished", "diverged", experiment="other")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("unknown", [(), ("unknown",)])  # a job alone, and several
@pytest.mark.parametrize("phase", ["", "final", "untuned"])
def test_a_run_of_another_phase_is_not_reused(phase, unknown, ask, store):
    result = ask("phased", *unknown, phase=phase)["phased"]
    assert result.folder == str(store[1] / f"phase {phase}")
    assert result.phase == phase
    assert not ask("phased", *unknown, phase="tuning")
    assert not ask("tuned", *unknown, phase=phase)
    assert not ask("tuned", *unknown, phase="tuning-2")
    assert set(ask("tuned", *unknown, phase="tuning")) == {"tuned"}


def test_a_job_takes_over_the_result_under_its_own_name(ask, store, tmp_path):
    folder = store[1] / "finished"
    result = ask("finished", "unknown")["finished"]
    assert (result.name, result.overrides) == ("job 0", ("seed=5",))
    assert (result.folder, result.metrics, result.epochs) == (str(folder), METRICS, 2)
    written = json.loads((tmp_path / "0" / "result.json").read_text())
    assert (written["skipped"], written["name"], written["folder"]) == (True, "job 0", str(folder))
    assert (tmp_path / "0" / "metrics.csv").read_text() == "epoch\nof finished\n"
    assert not (tmp_path / "1").exists()
    assert json.loads((folder / "result.json").read_text())["name"] == "run finished"


@pytest.mark.parametrize("identity", ["gone", "reused"])
def test_without_its_folder_a_result_comes_from_the_store(identity, ask):
    result = ask(identity)[identity]
    assert (result.status, result.metrics) == ("finished", METRICS)
    assert (result.epochs, result.best_epoch) == (2, 1)


def test_identities_are_written_one_after_another(tmp_path):
    sweep = LoggedRun("r", "sweep", {"folder": str(tmp_path / "sweep")}, "RUNNING")
    assert read_identities(sweep, "") == []
    write_identities(tmp_path / "sweep", ["a", "b"])
    write_identities(tmp_path / "sweep", ["a"])
    assert read_identities(sweep, "") == ["a", "b", "a"]
    assert (tmp_path / "sweep" / IDENTITIES).exists()
