"""The question and the verdict in sentences."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import comparisons
from harness.compare.report.standings import best_of, standings
from harness.compare.report.verdict import question_sentence, verdict, verdicts


def told(comparison, **columns):
    """The same comparison with other columns in its pairs; tests point where the probability does."""
    pairs = comparison.pairs.assign(**columns)
    if "direction" not in columns:
        pairs["direction"] = np.sign(pairs["improvement"] - 0.5).astype(int)
    return replace(comparison, pairs=pairs)


def pair(low, value, high, p, better=(0.7, 0.9, 1.0)):
    ends = zip(("improvement_low", "improvement", "improvement_high"), better, strict=True)
    return {"difference": value, "low": low, "high": high, "p": p, "p_holm": p, **dict(ends)}


TWO = comparisons.two_optimizers()


THREE = comparisons.three_on_two()


@pytest.mark.parametrize(
    ("comparison", "sentence"),
    [
        (
            told(TWO, **pair(0.004, 0.012, 0.019, 0.0101)),
            "adam beats sgd on digits: better with probability 0.90 [0.70, 1.00], p = 0.01; mean test "
            "accuracy +0.012 [0.004, 0.019].",
        ),
        (
            told(TWO, **pair(-0.004, 0.012, 0.019, 0.2)),
            "adam and sgd cannot be told apart on digits: better with probability 0.90 [0.70, 1.00], "
            "p = 0.2; mean test accuracy +0.012 [-0.004, 0.019].",
        ),
        (  # ahead in most pairs, and behind in the mean
            told(TWO, **pair(-0.3, -0.1, 0.0, 0.4, (0.5, 0.6, 0.8))),
            "adam and sgd cannot be told apart on digits: better with probability 0.60 [0.50, 0.80], "
            "p = 0.4; mean test accuracy -0.10 [-0.30, 0.00].",
        ),
        (
            told(TWO, **pair(-0.02, -0.01, -0.002, 0.0001, (0.0, 0.1, 0.3))),
            "sgd beats adam on digits: better with probability 0.90 [0.70, 1.00], p < 0.001; mean test "
            "accuracy +0.010 [0.002, 0.020].",
        ),
        (
            told(TWO, **pair(np.nan, np.nan, np.nan, 0.01, (np.nan, 1.0, np.nan))),
            "adam beats sgd on digits: better with probability 1.00, p = 0.01.",
        ),
        (
            told(TWO, **pair(np.nan, 0.5, np.nan, np.nan)),
            "adam and sgd cannot be told apart on digits: better with probability 0.90 [0.70, 1.00], no "
            "test could be made; mean test accuracy +0.5000.",
        ),
        (
            comparisons.single_run(),
            "adam has 0.9715 test accuracy on digits, and nothing to be compared with.",
        ),
        (comparisons.empty(), "There are no runs to compare."),
    ],
)
def test_the_verdict_in_a_sentence(comparison, sentence):
    assert verdict(comparison) == sentence


def test_of_several_who_is_beaten_and_who_is_not():
    sentences = verdicts(told(THREE, p_holm=[0.3, 0.01, 0.02] * 3, improvement=0.9))
    assert list(sentences) == ["all", "digits", "moons"]
    assert sentences["all"].startswith(
        "adam is ahead on all tasks together, but cannot be told apart from heavy_ball: "
    )
    assert ", p = 0.3; mean test accuracy " in sentences["all"]
    assert sentences["all"].endswith("; it beats sgd.")
    beaten = verdicts(told(THREE, p_holm=0.01, improvement=0.9))["digits"]
    assert beaten.startswith("adam beats heavy_ball and sgd on digits: ")
    assert " over " in beaten
    none = verdicts(told(THREE, p_holm=0.5, improvement=0.9))["digits"]
    assert "cannot be told apart from heavy_ball and sgd: " in none


def test_what_comes_closest_is_told_by_what_the_verdict_goes_by():
    """Not by the mean, in which another one may be nearer."""
    pairs = told(
        THREE, p_holm=0.01, improvement=[0.9, 0.7, 0.5] * 3, difference=[0.001, 0.1, 0.0] * 3
    )
    assert "better over sgd with probability 0.70" in verdicts(pairs)["digits"]


def test_names_with_commas_are_kept_apart():
    sentence = verdict(comparisons.factors())
    assert sentence.startswith(
        "“adam, he_normal” is ahead on digits, but cannot be told apart from “"
    )
    assert "; it beats “adam, zeros”" in sentence


def test_a_loss_is_best_where_it_is_lowest():
    loss = comparisons.regression()
    assert question_sentence(loss) == "Which optimizer has the lowest validation loss on diabetes?"
    assert verdict(loss).startswith("adam beats sgd on diabetes: better with probability ")
    assert "; mean validation loss -0.0" in verdict(loss)


def test_a_winner_with_diverged_runs_says_so_and_nobody_else():
    hostile = comparisons.hostile()
    diverging = comparisons.HOSTILE[0]  # on both tasks, of which it wins one
    won, lost = hostile.tasks
    assert best_of(hostile, won) == diverging
    assert verdicts(hostile)[won].endswith(f" 1 of 3 runs of {diverging} diverged.")
    assert best_of(hostile, lost) != diverging
    assert "diverged" not in verdicts(hostile)[lost]
    summary = TWO.summary.assign(diverged=0.3)
    assert verdict(replace(TWO, summary=summary)).endswith(" 3 of 10 runs of adam diverged.")


def test_if_every_run_diverged_nobody_is_best():
    lost = TWO.summary.assign(diverged=1.0, iqm=np.nan, mean=np.nan)
    outcomes = TWO.outcomes.assign(status="diverged")
    sentence = verdict(replace(TWO, summary=lost, outcomes=outcomes))
    assert sentence == "No contender has a score on digits: every run diverged."
    outcomes.loc[3:5, "status"] = "dropped"
    sentence = verdict(replace(TWO, summary=TWO.summary[:0], outcomes=outcomes))
    assert sentence == (
        "No contender has a score on digits: of 20 runs 17 diverged and 3 were dropped."
    )


def test_an_exact_tie_is_level():
    tie = pair(0.0, 0.0, 0.0, 1.0, (0.3, 0.5, 0.7))
    sentence = verdict(told(TWO, **tie))
    assert sentence.startswith("adam and sgd are level on digits: ")
    assert best_of(told(TWO, **tie), "digits") is not None
    assert all(row.best for row in standings(told(TWO, **tie), "digits"))
    three = told(
        THREE,
        improvement=[0.5, 0.9, 0.9] * 3,
        difference=[0.0, 0.1, 0.1] * 3,
        p_holm=[1.0, 0.01, 0.01] * 3,
    )
    sentence = verdicts(three)["digits"]
    assert set(sentence.partition(" are level on digits: ")[0].split(" and ")) == {
        "adam",
        "heavy_ball",
    }
    assert sentence.endswith(" beats sgd.")


@pytest.mark.parametrize(("better", "direction"), [(0.54, -1), (0.5, 1), (0.5, -1), (0.46, 1)])
def test_a_test_that_points_the_other_way_is_no_win(better, direction):
    numbers = pair(-0.0005, 0.0019, 0.0066, 0.033, (0.4, better, 0.67))
    sentence = verdict(told(TWO, **numbers, direction=direction))
    assert "beats" not in sentence
    names = {1: "adam", -1: "sgd", 0: "neither"}
    leader = names[int(np.sign(round(better - 0.5, 9)))]
    assert (
        f"cannot be ranked on digits, since the test favours {names[direction]} and the "
        in sentence
    )
    assert f" and the probability {leader}: " in sentence


def test_of_several_the_one_that_the_test_contradicts_is_not_beaten():
    three = told(THREE, improvement=0.9, p_holm=0.01, direction=[-1, 1, 1] * 3)
    assert "beats heavy_ball" not in verdicts(three)["digits"]
    assert (
        "; it cannot be ranked against heavy_ball, since test and probability disagree"
        in (verdicts(three)["digits"])
    )
