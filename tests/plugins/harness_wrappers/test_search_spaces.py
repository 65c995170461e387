"""The search spaces of the wrappers."""

import pytest

from harness.search_space import space_of
from harness_wrappers import harness_wrappers


@pytest.mark.parametrize("kind", harness_wrappers().values(), ids=lambda kind: kind.__name__)
def test_the_default_lies_well_inside_a_range_that_says_what_it_measures(kind):
    for field, range_ in space_of(kind).items():
        assert range_.at(0.1) <= getattr(kind(), field) <= range_.at(0.9)
        assert range_.meaning
