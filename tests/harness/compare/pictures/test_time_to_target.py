"""Steps to the target, and how often it is reached."""

from __future__ import annotations

import numpy as np

from harness.compare.pictures.style import styles_of
from harness.compare.pictures.time_to_target import draw_time_to_target


def test_times_show_every_run_the_median_and_how_many_got_there(three, empty):
    styles = styles_of(three.contenders)
    axes = draw_time_to_target(three.times, three.outcomes, styles).axes[0]
    times = three.times[three.times.task == "digits"].set_index("contender")
    (marker,) = [artist for artist in axes.lines if artist.get_label() == "adam"]
    assert marker.get_xdata() == [times.steps["adam"]]
    assert "sgd" not in [artist.get_label() for artist in axes.lines]  # fewer than half get there
    shares = [text.get_text() for text in axes.texts]
    assert shares == ["100%", "100%", "30%", "reach it"]
    assert axes.get_xlabel() == "steps to reach 0.95"
    assert draw_time_to_target(empty.times, empty.outcomes, styles) is None


def test_where_no_task_has_a_target_there_is_no_picture_of_times(three):
    untargeted = three.outcomes.assign(steps=np.nan)
    times = three.times.assign(target=np.nan, reached=np.nan, steps=np.nan)
    assert draw_time_to_target(times, untargeted, styles_of(three.contenders)) is None
