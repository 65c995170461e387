"""What a reader must know, from frames made by hand."""

from __future__ import annotations

import re
from itertools import product

import pytest
from pandas import DataFrame

from harness.compare.caveats import costly_steps, too_few_to_tell, tuned_again
from harness.compare.tables.pairs import pairs_of


def far_apart(contenders, tasks, seeds, paired):
    """Runs of contenders of which each is better than the next one from every seed."""
    rows = [
        (f"c{c}", f"t{t}", seed if paired else 100 * c + seed, 1 / (1 + c) + seed / 1000)
        for c, t, seed in product(range(contenders), range(tasks), range(seeds))
    ]
    frame = DataFrame(rows, columns=["contender", "task", "seed", "test"])
    return frame.assign(validation=frame["test"], diverged=False, status="finished")


def significant_and_caveats(contenders, tasks, seeds, paired):
    """The values of `task` on which a difference is significant, and the caveats."""
    runs = far_apart(contenders, tasks, seeds, paired)
    names = [tuple(dict.fromkeys(runs[key])) for key in ("contender", "task")]
    pairs = pairs_of(runs, *names, maximize=True)
    significant = pairs.groupby("task")["p_holm"].min() < 0.05
    return set(significant[significant].index), list(too_few_to_tell(runs, pairs))


@pytest.mark.parametrize("contenders", [2, 4])
@pytest.mark.parametrize("tasks", [1, 2])
@pytest.mark.parametrize("paired", [True, False])
def test_too_few_seeds_are_those_from_which_the_clearest_differences_are_not_told_apart(
    contenders, tasks, paired
):
    """Checked with the tests of pairs, on contenders that differ as much as can be."""
    significant, (caveat, *_) = significant_and_caveats(contenders, tasks, 2, paired)
    assert not significant
    enough = int(re.search(r"It takes (\d+) seeds", caveat)[1])
    before, after = (
        significant_and_caveats(contenders, tasks, seeds, paired) for seeds in (enough - 1, enough)
    )
    groups = {f"t{task}" for task in range(tasks)} | ({"all"} if tasks > 1 else set())
    assert after[0] >= before[0]
    assert ("all" if tasks > 1 else "t0") in after[0] - before[0]
    named = {group for group in groups if re.search(rf"\b{group}\b", " ".join(after[1]))}
    assert named == groups - after[0]
    assert before[1] != after[1]


def test_the_caveat_has_the_numbers():
    (caveat,) = significant_and_caveats(3, 1, 5, paired=True)[1]
    assert caveat == (
        "Too few seeds on t0: no difference can pass the test, however large: the smallest p there can "
        "be is 0.062, and 0.19 corrected for 3 pairs (Holm). It takes 7 seeds of each contender."
    )


def test_who_was_tuned_again_is_named_where_others_were_not():
    tuned = [(c, "digits", phase) for c in ("sgd", "adam") for phase in ("tuning", "final")]
    columns = ["contender", "task", "phase"]
    plain = DataFrame([("sgd", "digits", ""), ("adam", "digits", "")], columns=columns)
    assert list(tuned_again(plain)) == []
    assert list(tuned_again(DataFrame(tuned, columns=columns))) == []
    again = [*tuned, ("sgd", "digits", "tuning-2"), ("sgd", "digits", "tuning-3")]
    (caveat,) = tuned_again(DataFrame(again, columns=columns))
    assert "sgd on digits 3 times" in caveat
    assert "adam" not in caveat


def test_who_takes_more_gradients_a_step_is_named_where_others_take_fewer():
    runs = [("sgd", 1.0), ("sgd + sam", 2.0), ("sophia", 1.12), ("sophia", 1.08)]
    columns = ["contender", "gradients"]
    (caveat,) = costly_steps(DataFrame(runs, columns=columns))
    assert "(sgd + sam 2, sophia 1.1 a step)" in caveat
    assert list(costly_steps(DataFrame([("a", 2.0), ("b", 2.0)], columns=columns))) == []
    assert (
        list(costly_steps(DataFrame([], columns=columns))) == []
    )  # runs from before it was logged
