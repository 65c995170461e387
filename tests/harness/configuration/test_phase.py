"""The phases of a tuning protocol, as they are written into tags."""

from __future__ import annotations

import pytest

from harness.configuration.phase import Phase, is_phase, tuning_phase, tuning_round


def test_the_values_are_those_of_the_tags():
    assert [str(phase) for phase in Phase] == ["", "tuning", "final", "untuned"]


@pytest.mark.parametrize("number", [1, 2, 10])
def test_a_round_is_read_from_its_phase(number):
    assert tuning_round(tuning_phase(number)) == number


@pytest.mark.parametrize(
    "phase", [Phase.OUTSIDE, Phase.FINAL, Phase.UNTUNED, "tuning-0", "tunings"]
)
def test_other_phases_are_no_round(phase):
    assert tuning_round(phase) is None


@pytest.mark.parametrize("text", ["tuning-", "tuning-0", "tuning-02", "Final", "final-2", " "])
def test_what_is_no_phase(text):
    assert not is_phase(text)
    assert all(is_phase(phase) for phase in (*Phase, tuning_phase(2)))
