"""Numbers of a run in a rule: the same in place, in a stack, alone and in plain calls."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from harness import array_namespace
from harness.inplace import InPlace
from harness.update.scopes import with_columns
from steps_in_place import Elementwise, step_stack, stepped_by_calls


@dataclass(frozen=True)
class Switched(Elementwise):
    """Compares the number of the step, and chooses with `where` and by multiplication."""

    def step(self, theta, gradient, state, *, lr, t):
        where = array_namespace(theta).where
        factor = where(t > 3, self.floor, 1.0) + (t <= 2) * abs(self.floor - 1)
        return theta - lr * factor * gradient, state


def test_numbers_of_a_run_are_compared_and_chosen_by():
    rule = Switched()
    theta, update = step_stack([(rule, 1)])
    assert isinstance(update._runners[0], InPlace)
    np.testing.assert_array_equal(theta, stepped_by_calls(rule))
    rows = with_columns(replace(rule, floor=0), lambda _: np.array([[0.5], [0.7]]))
    together, _ = step_stack([(rows, 2)])
    for row, floor in enumerate((0.5, 0.7)):
        alone, _ = step_stack([(Switched(floor=floor), 2)], rows=slice(row, row + 1))
        np.testing.assert_array_equal(together[row], alone[0])


@dataclass(frozen=True)
class Undefined(Elementwise):
    """Numbers of a run for which Python raises and NumPy returns infinity or NaN."""

    def step(self, theta, gradient, state, *, lr, t):
        xp = array_namespace(theta)
        share = self.floor * t
        root = xp.sqrt(2 - share) + (1 - share) ** 0.5 + share % (1 - share)
        defined = xp.where(root > 0.1, root, 2.0) + xp.minimum(1 / (share - 1), 3.0)
        return theta - lr * gradient * (defined + 1 / 1e300**t), state


def test_a_run_alone_has_the_infinities_of_a_stack():
    floors = (0.5, 1.0)
    rows = with_columns(replace(Undefined(), floor=0), lambda _: np.array(floors)[:, None])
    with np.errstate(all="ignore"):
        together, update = step_stack([(rows, 2)])
        assert isinstance(update._runners[0], InPlace)
        assert np.isfinite(together).all()
        for row, floor in enumerate(floors):
            alone, _ = step_stack([(Undefined(floor=floor), 2)], rows=slice(row, row + 1))
            np.testing.assert_array_equal(alone[0], together[row])


@dataclass(frozen=True)
class Masked(Elementwise):
    """Truth values of a run meet those of θ, and numbers are compared by equality."""

    def step(self, theta, gradient, state, *, lr, t):
        where = array_namespace(theta).where
        late, small = t > 3, abs(gradient) < self.floor
        still = (gradient == 0) | late & small | small * (t == 1)
        moved = where(t != 2, gradient, theta)
        return theta - lr * where(still, 0.0, moved) - (theta != gradient) * (lr * late), state


def test_truth_values_of_a_run_meet_those_of_its_elements():
    rule = Masked()
    theta, update = step_stack([(rule, 1)])
    assert isinstance(update._runners[0], InPlace)
    np.testing.assert_array_equal(theta, stepped_by_calls(rule))
