"""Step lines of performance profiles."""

from __future__ import annotations

import numpy as np
import pytest

from harness.compare.pictures.performance_profile import draw_performance_profile
from harness.compare.pictures.style import styles_of


def test_a_profile_is_a_step_line_that_never_falls(three, empty):
    styles = styles_of(three.contenders)
    (axes,) = draw_performance_profile(three.profiles, styles, "tasks").axes
    of = three.profiles[three.profiles.contender == "adam"]
    (line,) = [artist for artist in axes.lines if artist.get_label() == "adam"]
    assert line.get_drawstyle() == "steps-post"
    assert line.get_xdata()[:-1] == pytest.approx(list(of.tau))
    assert line.get_ydata()[:-1] == pytest.approx(list(of.share))
    assert (np.diff(line.get_ydata()) >= 0).all()
    assert axes.get_ylabel() == "share of tasks within τ"
    assert axes.get_ylim()[0] == 0
    assert draw_performance_profile(empty.profiles, styles, "tasks") is None
