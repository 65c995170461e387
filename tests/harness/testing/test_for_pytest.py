"""The suite in the tests of a plugin author: a package of its own, in a pytest of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

PACKAGE = '''
    from dataclasses import dataclass
    from typing import ClassVar

    import harness


    @dataclass(frozen=True)
    class Mine:
        """Steps along the gradient. lr: η, in [0, inf)."""

        lr: float = 0.01
        scope: ClassVar[harness.Scope] = harness.Scope.ELEMENT

        def __post_init__(self):
            harness.check_range(self, "lr", 0)

        def init(self, theta):
            return {}

        def step(self, theta, gradient, state, *, lr, t):
            BODY
            return theta - lr * gradient, state


    @harness.hookimpl
    def harness_optimizers():
        return {"mine": Mine}
'''

TEST = """
    import my_package
    from harness.testing import conformance

    test_rules = conformance(my_package)
"""


@pytest.fixture
def tested(tmp_path):
    """What pytest says of the package with this line in its step."""

    def run(line):
        source = textwrap.dedent(PACKAGE).replace("BODY", line)
        (tmp_path / "my_package.py").write_text(source, encoding="utf-8")
        (tmp_path / "test_mine.py").write_text(textwrap.dedent(TEST), encoding="utf-8")
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-v", "-W", "error", "-p", "no:cacheprovider"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.mark.slow
def test_every_rule_is_a_test_with_a_name(tested):
    done = tested("pass")
    assert done.returncode == 0, done.stdout
    assert "test_mine.py::test_rules[optimizer=mine-goes_downhill] PASSED" in done.stdout


@pytest.mark.slow
def test_a_broken_rule_fails_in_words_and_without_a_traceback(tested):
    done = tested("gradient *= 2")
    assert done.returncode == 1
    rule = "optimizer=mine-leaves_its_arguments_alone"
    assert f"FAILED test_mine.py::test_rules[{rule}]" in done.stdout
    assert "1 failed" in done.stdout
    for words in (
        "optimizer=mine breaks the rule leaves_its_arguments_alone",
        "rule:    `step` writes into none of its arguments",
        "found:   gradient was changed, by up to",
        "mend it: Compute new arrays",
    ):
        assert words in done.stdout
    assert "Traceback" not in done.stdout
