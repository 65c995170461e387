"""The suite in the tests of a plugin author: another package, in another pytest."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

PACKAGE = '''
    from dataclasses import dataclass

    import harness


    @dataclass(frozen=True)
    class Line:
        """Falls from 1 to 0, and stays there."""

        def factor(self, step, horizon):
            return (1 - step / max(horizon.steps, 1)).clip(0, 1)


    @dataclass(frozen=True)
    class Late:
        """Writes into the steps."""

        def factor(self, step, horizon):
            step += 1
            return Line().factor(step, horizon)


    @harness.hookimpl
    def harness_schedules():
        return {"line": Line, "late": Late}
'''

TEST = """
    import my_package
    from harness.testing import conformance

    test_conformance = conformance(my_package)
"""


@pytest.mark.slow
def test_every_requirement_is_a_test_with_a_name_and_fails_in_words(tmp_path):
    for name, source in (("my_package.py", PACKAGE), ("test_mine.py", TEST)):
        (tmp_path / name).write_text(textwrap.dedent(source), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "-W", "error", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout
    assert "1 failed" in done.stdout
    name = "test_mine.py::test_conformance[schedule={}-leaves_the_steps_alone]"
    for words in (
        name.format("line") + " PASSED",
        name.format("late") + " FAILED",
        "schedule=late breaks the requirement leaves_the_steps_alone",
        "requirement: `factor` does not write into the array of steps.",
        "found:       step was changed, by up to 1.",
        "fix:         Compute a new array",
    ):
        assert words in done.stdout
    assert "Traceback" not in done.stdout
