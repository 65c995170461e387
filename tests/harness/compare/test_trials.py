"""The choice of settings, held against a recomputation in plain Python, and hand-worked cases."""

from __future__ import annotations

from collections import defaultdict
from statistics import fmean

import numpy as np
import pytest
from pandas import DataFrame

from harness.compare.loaded_runs import load_runs
from harness.compare.source import Source
from harness.compare.trials import (
    chosen_settings,
    edge_caveats,
    final_settings,
    last_round,
    scoring_runs,
    trials_of,
)
from harness.errors import ConfigurationError


def trials(*rows):
    """Rows of (setting, seed, score); a score of None diverged, and "dropped" was dropped."""
    frame = DataFrame(
        [
            {
                "contender": "adam",
                "task": "moons",
                "setting": f"optimizer.lr={setting}",
                "seed": seed,
                "status": "dropped" if dropped else "finished",
                "diverged": score is None,
                "validation": np.nan if score is None else score,
                "optimizer.lr": float(setting),
            }
            for setting, seed, score, *dropped in rows
        ]
    )
    return frame


def test_the_setting_with_the_best_mean_is_chosen(grid):
    from mlflow import MlflowClient

    loaded = load_runs(Source(grid, "harness"), ["optimizer"])
    scores = defaultdict(list)
    client = MlflowClient(grid)
    for run in client.search_runs([client.get_experiment_by_name("harness").experiment_id]):
        if run.data.tags["kind"] == "run":
            place = run.data.tags["optimizer"], run.data.tags["dataset"]
            key = (*place, run.data.params["optimizer.lr"])
            scores[key].append(run.data.metrics["best/validation/accuracy"])
    chosen = chosen_settings(trials_of(loaded), maximize=True)
    assert len(chosen) == 4
    for choice in chosen.itertuples():
        means = {
            key[2]: fmean(values)
            for key, values in scores.items()
            if key[:2] == (choice.contender, choice.task)
        }
        assert choice.score == pytest.approx(max(means.values()), abs=1e-12)
        assert means[choice.setting.partition("=")[2]] == pytest.approx(choice.score)
        assert (choice.trials, choice.seeds) == (3, 5)
    scoring = scoring_runs(loaded, chosen)
    assert len(scoring) == 20
    assert set(scoring["chosen"]) == {"the best one on these seeds"}


def test_a_loss_is_minimized():
    chosen = chosen_settings(trials((1, 0, 0.5), (2, 0, 0.3), (3, 0, 0.4)), maximize=False)
    assert chosen["setting"].item() == "optimizer.lr=2"
    assert chosen["score"].item() == 0.3


def test_a_setting_that_diverged_from_one_seed_is_behind_all_others():
    rows = trials((1, 0, 0.2), (1, 1, 0.2), (2, 0, 0.9), (2, 1, None))
    assert chosen_settings(rows, maximize=True)["setting"].item() == "optimizer.lr=1"
    assert chosen_settings(rows, maximize=False)["setting"].item() == "optimizer.lr=1"


def test_where_every_setting_diverged_there_is_no_score():
    chosen = chosen_settings(trials((1, 0, None), (2, 0, None)), maximize=True)
    assert chosen["score"].isna().item()
    assert chosen["trials"].item() == 2
    assert (chosen["diverged"].item(), chosen["dropped"].item()) == (True, False)


def test_where_every_setting_lost_a_seed_the_one_that_lost_the_fewest_is_taken():
    whole = ((1, seed, 0.9, "dropped") for seed in range(4))
    half = ((2, seed, 0.5, *(["dropped"] if seed < 2 else [])) for seed in range(4))
    chosen = chosen_settings(trials(*whole, *half), maximize=True)
    assert chosen["setting"].item() == "optimizer.lr=2"
    assert chosen["score"].isna().item()
    assert (chosen["diverged"].item(), chosen["dropped"].item()) == (False, True)


@pytest.mark.parametrize("maximize", [True, False])
@pytest.mark.parametrize("reverse", [False, True])
def test_equal_scores_are_told_apart_by_the_loss_and_not_by_the_order_of_start(maximize, reverse):
    rows = trials(*((rate, seed, 1.0) for rate in (1, 2, 3) for seed in (0, 1)))
    losses = rows["optimizer.lr"].map({1.0: 0.3, 2.0: 0.1, 3.0: 0.2})
    rows = rows[::-1] if reverse else rows
    chosen = chosen_settings(rows, maximize, losses=losses)
    assert chosen["setting"].item() == "optimizer.lr=2"
    same = chosen_settings(rows, maximize, losses=losses * 0)
    assert same["setting"].item() == "optimizer.lr=1"


def test_a_setting_that_was_dropped_is_not_chosen():
    rows = trials((1, 0, 0.5), (2, 0, 0.9, "dropped"))
    assert chosen_settings(rows, maximize=True)["setting"].item() == "optimizer.lr=1"


def test_without_validation_there_is_nothing_to_choose_by():
    rows = trials((1, 0, np.nan), (2, 0, np.nan))
    with pytest.raises(ConfigurationError, match="no validation score"):
        chosen_settings(rows, maximize=True)
    alone = chosen_settings(rows[:1], maximize=True)
    assert alone["setting"].item() == "optimizer.lr=1"


@pytest.mark.parametrize(("best", "end"), [(1, "smallest"), (4, "largest"), (2, None), (3, None)])
def test_a_best_value_on_the_edge_is_told(best, end):
    rows = trials(*((rate, 0, 0.9 if rate == best else 0.5) for rate in (1, 2, 3, 4)))
    sentences = edge_caveats(rows, chosen_settings(rows, maximize=True), ("optimizer.lr",))
    assert len(sentences) == (end is not None)
    if end:
        assert f"the best optimizer.lr, {best}, is the {end} that was tried" in sentences[0]


def test_two_values_have_no_inside():
    rows = trials((1, 0, 0.5), (2, 0, 0.9))
    assert not edge_caveats(rows, chosen_settings(rows, maximize=True), ("optimizer.lr",))


def test_what_was_trained_is_the_best_trial(tuned):
    loaded = load_runs(Source(tuned[0], "harness"), [])
    trials = trials_of(loaded)
    best = chosen_settings(trials, maximize=True)
    decided = final_settings(loaded.runs)
    assert len(decided) == 4
    scores = trials.groupby(["contender", "task", "setting"])["validation"].mean()
    for choice in best.itertuples():  # equal scores may be told apart by their loss
        assert (
            scores[choice.contender, choice.task, decided[choice.contender, choice.task]]
            == choice.score
        )


def test_all_rounds_of_a_tuning_count_and_budgets_are_those_of_a_round(tuned):
    """Ranges that were extended are tried anew, and what was found before them stays."""
    loaded = load_runs(Source(tuned[0], "harness"), [])
    again = loaded.runs["contender"].str.startswith("sgd") & (loaded.runs["phase"] == "tuning")
    later = loaded.runs[again].assign(phase="tuning-2", validation=0.25)
    later["setting"] += "0"
    later.index = later.index.str.replace("^.", "x", regex=True)
    from dataclasses import replace

    from pandas import concat

    params = loaded.params.loc[loaded.runs.index[again]].set_axis(later.index)
    extended = replace(
        loaded, runs=concat([loaded.runs, later]), params=concat([loaded.params, params])
    )
    trials = trials_of(extended)
    assert len(trials) == len(trials_of(loaded)) + again.sum()
    chosen, before = (
        chosen_settings(each, True, None, one.runs["loss"])
        for each, one in ((trials, extended), (trials_of(loaded), loaded))
    )
    assert chosen["score"].tolist() == before["score"].tolist()  # not 0.25
    assert sorted(set(chosen["trials"])) == [4, 8]
    last = last_round(trials, extended.runs)
    assert len(last) == len(trials_of(loaded))
    assert (last[last["contender"].str.startswith("sgd")]["validation"] == 0.25).all()
