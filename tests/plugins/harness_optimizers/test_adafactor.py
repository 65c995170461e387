"""Adafactor against PyTorch's."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness_optimizers import Adafactor
from rule_trajectories import OfTorch, assert_same, few, shapes


@few
@given(
    shape=shapes,
    lr=st.floats(1e-3, 1),
    decay=st.floats(0.3, 1),
    eps2=st.floats(1e-4, 1),
    clip=st.floats(1, 3),
)
def test_it_takes_the_steps_of_torchs(
    shape: Any, lr: float, decay: float, eps2: float, clip: float
) -> None:
    torch = pytest.importorskip("torch")
    settings = {"lr": lr, "beta2_decay": -decay, "eps": (1e-30, eps2), "d": clip}
    other = OfTorch(partial(torch.optim.Adafactor, **settings), shape)
    assert_same(Adafactor(lr=lr, decay=decay, eps2=eps2, clip=clip), shape, other)


def test_only_means_of_rows_and_columns_are_kept() -> None:
    state = Adafactor().init(np.zeros((2, 5, 7)))
    assert {name: slot.shape for name, slot in state.items()} == {
        "rows": (2, 5, 1),
        "columns": (2, 1, 7),
    }
