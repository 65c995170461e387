"""Settings below their least value are refused by name."""

from types import SimpleNamespace

import pytest

from harness.errors import ConfigurationError
from harness.sweep.least_values import check_least_values

LEAST = {"trials": 2, "share": 0}


def test_the_least_values_are_accepted():
    check_least_values(SimpleNamespace(trials=2, share=0.0), LEAST, "{}")


@pytest.mark.parametrize(
    ("trials", "share", "message"),
    [
        (1, 0.5, "'hydra.sweeper.trials' must be 2 or more. Got 1."),
        (2, -0.5, "'hydra.sweeper.share' must be 0 or more. Got -0.5."),
        (2, float("nan"), "'hydra.sweeper.share' must be 0 or more. Got nan."),
    ],
)
def test_a_smaller_value_and_no_number_are_refused(trials, share, message):
    with pytest.raises(ConfigurationError) as refused:
        check_least_values(SimpleNamespace(trials=trials, share=share), LEAST, "'hydra.sweeper.{}'")
    assert str(refused.value) == message
