"""How contenders look, and how names and scores are written."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.compare.pictures.style import literal, score_label, styles_of
from harness.compare.question import Question
from harness.evaluation.metrics import ACCURACY, LOSS, R2


def test_no_two_contenders_look_the_same_and_a_dozen_differ_in_their_markers():
    styles = list(styles_of([str(number) for number in range(84)]).values())
    assert len(set(styles)) == 84
    assert len({style.marker for style in styles[:12]}) == 12
    for one, other in combinations(styles[:12], 2):
        assert one.colour != other.colour or one.line != other.line


def test_a_contender_keeps_its_look_when_others_follow():
    few, many = styles_of(["adam", "sgd"]), styles_of(["adam", "sgd", "lion"])
    assert few["sgd"] == many["sgd"]


def shown(text):
    """What matplotlib sets for a text, and whether it takes it for a formula."""
    from matplotlib.text import Text

    return Text(text=text)._preprocess_math(text)


@settings(deadline=None)
@given(st.text(alphabet="ab $\\{}_^%", max_size=20))
def test_a_name_is_never_a_formula(name):
    text, formula = shown(literal(name))
    assert not formula
    assert text == " ".join(name.split())


def test_a_long_name_is_cut_and_a_line_break_goes():
    assert literal("a\nb" + "c" * 90) == "a b" + "c" * 24 + "…"


@pytest.mark.parametrize(
    ("question", "label"),
    [
        (Question(("optimizer",), ACCURACY), "test accuracy"),
        (Question(("optimizer",), R2), "test R²"),
        (Question(("optimizer",), LOSS), "test loss (lower is better)"),
    ],
)
def test_the_axis_says_which_way_is_better(question, label):
    assert score_label(question, "test") == label
