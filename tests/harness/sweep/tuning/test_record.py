"""What `tuning.json` and the terminal say of a tuned contender, from results that are made up."""

from __future__ import annotations

import json

import pytest

from harness.search_space import Range
from harness.sweep.searching.contenders import Contender
from harness.sweep.tuning.contender import TunedContender
from harness.sweep.tuning.record import advice, choice, findings, record, write
from harness.training.records import Result, Status

LR = "optimizer.lr"
OVERRIDES = ("optimizer=sgd", "tracking.uri=postgresql://ada:secret@db/lab", "skip_finished=true")


def tuned(*runs, metric="loss"):
    """A contender with a trial for each run; rates go from 0.01 to 10, within 0.001 to 1000."""
    contender = Contender("optimizer=sgd", OVERRIDES, {LR: Range(1e-3, 1e3, "log")})
    tuned = TunedContender(contender, metric, halving=False)
    settings = [{LR: f"{10.0 ** (n - 2):g}"} for n in range(len(runs))]
    tuned.add_trials("tuning", settings, [[run] for run in runs])
    return tuned


def ended(loss, status=Status.FINISHED):
    return Result("r", f"/runs/{loss}", (), {}, status, 1, 1, {"best/validation/loss": loss})


WITHIN = (ended(0.5), ended(0.25), ended(0.5), ended(1.0))


def test_a_contender_is_recorded_in_the_units_of_its_metric():
    content = record(tuned(*WITHIN, ended(2.0, Status.DIVERGED), None), [0], [1, 2])
    (tuning,) = content["tunings"]
    assert [trial["score"] for trial in tuning["trials"]] == [0.5, 0.25, 0.5, 1.0, None, None]
    assert [trial["ended"] for trial in tuning["trials"]][-2:] == ["diverged", "failed"]
    assert tuning["trials"][1]["runs"] == [
        {"seed": 0, "status": "finished", "score": 0.25, "folder": "/runs/0.25"}
    ]
    assert tuning["trials"][-1]["runs"][0] == {
        "seed": 0,
        "status": "missing",
        "score": None,
        "folder": None,
    }
    assert (tuning["best"], content["setting"], content["maximize"]) == (1, {LR: "0.1"}, False)
    assert (content["final"], content["untuned"]) == ([], [])


def test_a_command_trains_the_choice_without_secrets_and_without_skipping():
    content = record(tuned(*WITHIN), [0], [1])
    words = "optimizer=sgd tracking.uri=postgresql://db/lab optimizer.lr=0.1"
    assert content["command"] == f"harness train {words}"
    sentence, command = choice(tuned(*WITHIN)).splitlines()
    assert sentence.startswith(
        "optimizer=sgd: best validation loss 0.2500 of 4 trials, the mean of 1"
    )
    assert command.endswith(f" train {words}")


def test_nothing_is_chosen_where_no_trial_has_a_score():
    contender = tuned(ended(1.0, Status.DIVERGED), None)
    assert choice(contender) == "optimizer=sgd: nothing chosen"
    (finding,) = findings([contender])
    assert "of 2 trials 1 diverged and 1 failed. Nothing is chosen" in finding
    assert record(contender, [0], [1])["command"] is None
    assert advice([contender], 0) == ""


@pytest.mark.parametrize(
    ("stuck", "words", "advised"),
    [
        (set(), "a better one may lie beyond it", "hydra.sweeper.extend=3 extends"),
        ({(LR, "low")}, "nothing beyond it can be trained with", ""),
    ],
)
def test_a_best_value_on_an_edge_is_a_finding(stuck, words, advised):
    contender = tuned(ended(0.25), ended(0.5), ended(0.5), ended(1.0))
    contender.stuck |= stuck
    (finding,) = findings([contender])
    assert finding.startswith("optimizer=sgd: optimizer.lr=0.01 is on the lower edge of its range")
    assert finding.endswith(f"{words}.")
    assert advice([contender], 2).startswith(advised)
    assert bool(advice([contender], 2)) is bool(advised)


def test_the_record_is_plain_json(tmp_path):
    content = record(tuned(*WITHIN), [0], [1])
    write(tmp_path / "sweep", content)
    assert json.loads((tmp_path / "sweep" / "tuning.json").read_text()) == content
