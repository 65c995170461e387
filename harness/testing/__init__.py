"""The conformance suite: it checks in numbers that a component does what its contract says.

    harness check my_lion         on the command line

    import my_package             in a pytest file
    from harness.testing import conformance
    test_conformance = conformance(my_package)

`requirements/` has the requirements of each kind of component, a file a kind: a requirement is a
function whose docstring states it. It raises `Violation`, which says what was found and how to fix
it, or `Skip` where it does not apply. `suite.py` checks a component against the requirements of its
kind.

A requirement uses the core's own machinery (the loop, updates, prepared data) around the component
under test, and the suite's own components for the rest (`fixtures/`), so that what fails is the
fault of that component. Every requirement has a faulty component that it is known to catch.
"""

from harness.testing.check_results import CheckResult, CheckStatus, Skip, Violation
from harness.testing.pytest_adapter import conformance

__all__ = ["CheckResult", "CheckStatus", "Skip", "Violation", "conformance"]
