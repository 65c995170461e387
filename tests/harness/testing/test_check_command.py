"""`harness check`, as a person or a program calls it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest

import harness.registry.registry
from harness.cli import main
from harness.registry.registry import Plugin, Registry


@dataclass(frozen=True)
class Wrong:
    """Falls below 0."""

    def factor(self, step, horizon):
        return 1 - step


@dataclass(frozen=True)
class Raising:
    """Fails inside."""

    def factor(self, step, horizon):
        raise RuntimeError("out of order")


@dataclass(frozen=True)
class Late:
    """Stays at 1."""

    def factor(self, step, horizon):
        return np.ones_like(step)


@pytest.fixture
def acme(monkeypatch, registry):
    """Adds a distribution of faulty schedules to what is installed."""
    components = {"schedule": {"wrong": Wrong, "raising": Raising}}
    plugin = Plugin("acme:mine", "acme", "1.0", "mine", components)
    extended = Registry([*registry.plugins, plugin])
    monkeypatch.setattr(harness.registry.registry, "load_registry", lambda: extended)


def test_a_sound_component_passes_a_line_a_check(capsys):
    assert main(["check", "cosine"]) == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert len(lines) > 10
    # This schedule does not watch a metric: what is asked of those that do is skipped
    assert {line[1] for line in lines} == {"schedule=cosine"}
    assert {line[0] for line in lines} == {"passed", "skipped"}
    assert sum(line[0] == "passed" for line in lines) > 10
    assert "gives_a_factor_for_every_step" in [line[2] for line in lines]


def test_a_faulty_one_fails_with_numbers_and_a_remedy_in_one_line(acme, capsys):
    assert main(["check", "wrong"]) == 1
    shown = capsys.readouterr()
    (failed,) = [line for line in shown.out.splitlines() if line.startswith("failed")]
    _, component, requirement, text = failed.split("\t")
    assert (component, requirement) == (
        "schedule=wrong",
        "gives_factors_that_are_finite_and_not_negative",
    )
    assert "At step 2 of 1 the factor is -1.0" in text
    assert "stay as it is after the horizon" in text
    assert shown.err == ""


def test_a_terminal_gets_words(acme, capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert main(["check", "acme"]) == 1
    shown = capsys.readouterr().out
    assert "schedule raising" in shown
    assert "FAILED" in shown
    assert "found:       It raised RuntimeError: out of order" in shown
    assert "in factor" in shown
    assert "Traceback" not in shown
    assert "suite.py" not in shown
    assert "fix:         Divide by max(horizon.steps, 1)" in shown
    assert shown.splitlines()[-1].startswith("21 passed, 2 failed, ")


def test_all_of_an_installation_is_not_well_if_a_plugin_did_not_load(monkeypatch, capsys):
    schedules = Plugin("acme:mine", "acme", "1.0", "mine", {"schedule": {"late": Late}})
    broken = Plugin("bad:one", "bad", "1.0", "one", error="SyntaxError: invalid syntax")
    for plugins, status in (([schedules], 0), ([schedules, broken], 1)):
        installed = Registry(plugins)
        monkeypatch.setattr(
            harness.registry.registry, "load_registry", lambda registry=installed: registry
        )
        assert main(["check", "--all"]) == status
        assert "schedule=late" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["adm"], "Unknown component or plugin 'adm'. Did you mean 'adam'? Allowed: "),
        (["optimizer=adm"], "Unknown optimizer 'adm'. Did you mean 'adam'? Allowed: adabelief, "),
        (["constant"], "Write schedule=constant or initializer=constant."),
    ],
)
def test_a_name_that_means_nothing_gets_one_message(arguments, message, capsys):
    assert main(["check", *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith("harness: error: ")
    assert message in shown.err
    assert shown.out == ""


def test_without_a_name_it_says_what_it_wants(capsys):
    with pytest.raises(SystemExit) as left:
        main(["check"])
    assert left.value.code == 2
    assert "name what to check, or give --all" in capsys.readouterr().err


def test_importing_the_suite_loads_neither_pytest_nor_a_heavy_library():
    code = "import sys, harness.testing; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"pytest", "torch", "mlflow", "sklearn", "scipy"} & set(done.stdout.split())
