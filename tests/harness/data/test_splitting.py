from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedShuffleSplit

from harness import DataError
from harness.data.splitting import hold_out


def generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.integers(2, 60), min_size=2, max_size=6),
    st.floats(0.05, 0.95),
    st.integers(0, 2**32),
)
def test_class_shares_are_scikit_learns_within_a_row(counts, share, seed):
    strata = generator(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    size = int(share * len(strata))
    assume(len(counts) <= size <= len(strata) - len(counts))  # scikit-learn's own condition
    quotas = np.array(counts) * size / len(strata)
    assume((np.ceil(quotas) < counts).all())  # else ours keeps a row back, unlike scikit-learn
    held, rest = hold_out(np.arange(len(strata)), strata, size, generator(seed))
    theirs = StratifiedShuffleSplit(1, test_size=size, random_state=seed % 2**32)
    their_rest, their_held = next(theirs.split(strata, strata))
    for rows, their_rows in ((held, their_held), (rest, their_rest)):
        drawn = np.bincount(strata[rows], minlength=len(counts))
        expected = np.bincount(strata[their_rows], minlength=len(counts))
        assert np.abs(drawn - expected).max() <= 1


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=8), st.integers(0, 120), st.integers(0, 99)
)
def test_every_stratum_gets_its_share_and_leaves_a_row(counts, size, seed):
    strata = np.repeat(np.arange(len(counts)), counts)
    total = len(strata)
    assume(total > 0)
    if size > sum(max(count - 1, 0) for count in counts):
        with pytest.raises(DataError, match=f"Cannot hold out {size} of {total} rows"):
            hold_out(np.arange(total), strata, size, generator(seed))
        return
    held, rest = hold_out(np.arange(total), strata, size, generator(seed))
    assert len(held) == size
    assert sorted([*held, *rest]) == list(range(total))
    drawn = np.bincount(strata[held], minlength=len(counts))
    quota = np.array(counts) * size / total
    assert (drawn >= np.floor(quota - 1e-9)).all()
    assert (drawn <= np.maximum(np.array(counts) - 1, 0)).all()
    if all(count == 0 or count - 1 >= np.ceil(q) for count, q in zip(counts, quota, strict=True)):
        assert (drawn <= np.ceil(quota + 1e-9)).all()


def test_only_the_given_rows_are_drawn():
    rows = np.array([5, 7, 11, 13, 17])
    held, rest = hold_out(rows, np.zeros(20, int), 2, generator(0))
    assert sorted([*held, *rest]) == rows.tolist()


def test_each_row_of_a_class_is_drawn_equally_often():
    strata = np.repeat([0, 1], [8, 4])
    times = np.zeros(12)
    for seed in range(2000):
        times[hold_out(np.arange(12), strata, 3, generator(seed))[0]] += 1
    # Each row with probability 1/4: 500 ± 19 times; five deviations either way.
    assert np.abs(times - 500).max() < 97


def test_a_class_of_one_row_stays_in_training():
    strata = np.array([0] * 9 + [1])
    for seed in range(20):
        assert 9 in hold_out(np.arange(10), strata, 8, generator(seed))[1]
