"""Conformance: what a component of each kind must do, held against numbers.

    harness check my_lion         on the command line

    import my_package             in a test of pytest
    from harness.testing import conformance
    test_rules = conformance(my_package)

`optimizers.py`, `schedules.py`, … say what is asked of a kind: each rule is a function whose docstring
is the rule, and `fields.py` has those for all kinds. A rule raises `Violation` with what it found and
how to mend it, or `Skip` where it has nothing to say. `suite.py` holds a component against its rules.
"""

from harness.testing.for_pytest import conformance
from harness.testing.verdicts import Outcome, Skip, Status, Violation

__all__ = ["Outcome", "Skip", "Status", "Violation", "conformance"]
