"""Work that draws from a global generator, or seeds one, is noticed, and leaves no trace."""

from __future__ import annotations

import random

import numpy as np
import pytest

from harness.testing.check_results import Violation
from harness.testing.global_generators import assert_global_generators_untouched


@pytest.mark.parametrize(
    ("work", "name"),
    [
        (random.random, "Python's random"),
        (lambda: random.seed(0), "Python's random"),
        (np.random.normal, "np.random"),
        (lambda: np.random.seed(0), "np.random"),  # noqa: NPY002
    ],
)
def test_work_that_touches_a_global_generator_is_noticed(work, name):
    before = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    with pytest.raises(Violation, match=f"The state of {name} has changed"):
        assert_global_generators_untouched(work, "Draw from rng.")
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before  # noqa: NPY002


def test_all_generators_that_were_touched_are_named():
    with pytest.raises(Violation, match=r"state of Python's random and of np\.random has changed"):
        assert_global_generators_untouched(
            lambda: (random.random(), np.random.random()),  # noqa: NPY002
            "Draw from rng.",
        )


def test_torch_is_watched_where_it_is_loaded():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    with pytest.raises(Violation, match="torch's generator"):
        assert_global_generators_untouched(lambda: torch.rand(1), "Draw from rng.")


def test_a_generator_of_its_own_is_allowed():
    assert_global_generators_untouched(lambda: np.random.default_rng(0).normal(), "Draw from rng.")
