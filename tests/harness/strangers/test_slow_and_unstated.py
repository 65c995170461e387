"""A plugin that takes its time to be imported, and one that states no version of the contract."""

from __future__ import annotations

import pytest

from tests.harness.strangers.conftest import Distribution, Site, rule

pytestmark = pytest.mark.slow


def test_who_is_slow_is_named_with_its_seconds_and_who_states_nothing_is_of_version_1(
    install, tmp_path
):
    slow = Distribution("snail", {"snail": "import time; time.sleep(2.2)\n" + rule("snail")})
    silent = rule("silent").replace("harness_contract = 1", "")
    here = Site(install(slow, Distribution("silent", {"silent": silent})), tmp_path)
    done = here.harness("train", "--cfg", "job", "optimizer=silent")
    assert done.returncode == 0, done.stderr
    (warning,) = done.stderr.splitlines()
    assert warning.startswith("harness: warning: The plugin snail:snail took 2.")
    assert "s to import, at every start. --no-plugins=snail:snail does without it" in warning
    listed = here.plugins()
    assert 2.2 < listed["snail:snail"]["import_seconds"] < 20
    assert listed["silent:silent"]["import_seconds"] < 2
    assert listed["silent:silent"]["contract"] is None
    assert listed["snail:snail"]["contract"] == 1
    done = here.harness("train", "--cfg", "job", "--no-plugins=snail")
    assert done.stderr == ""
