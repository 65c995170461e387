from __future__ import annotations

import shlex
import subprocess
import sys

import pytest

from harness.sweep.command_lines import completing, program, started_by


@pytest.mark.parametrize("given", [["-m"], ["--multirun"], []])
def test_the_command_of_a_sweep_is_what_was_typed(given, monkeypatch):
    overrides = ["optimizer=sgd,adam", "network.hidden=[8,8]", "tracking.experiment=it's mine"]
    monkeypatch.setattr(sys, "argv", ["/somewhere/harness", *overrides[:1], *given, *overrides[1:]])
    assert shlex.split(started_by()) == ["harness", "train", "-m", *overrides]


def test_a_tuning_protocol_is_called_by_its_own_command(monkeypatch):
    given = ["hydra/sweeper=tuned", "hydra.sweeper.trials=4", "optimizer=sgd,adam"]
    monkeypatch.setattr(sys, "argv", ["harness", "--multirun", *given])
    assert started_by() == "harness tune hydra.sweeper.trials=4 optimizer=sgd,adam"
    assert (
        completing(started_by()).partition(" ")[2]
        == f"tune {' '.join(given[1:])} skip_finished=true"
    )
    # Options of Hydra's are for `train` alone
    monkeypatch.setattr(sys, "argv", ["harness", "-m", "--config-dir=own", *given])
    assert started_by().startswith("harness train -m --config-dir=own hydra/sweeper=tuned ")


def test_the_completing_command_means_the_same_in_a_shell():
    overrides = ["network.hidden=[8,8]", "dataset.path=my data.csv", "a='$HOME'", "--config-dir=é"]
    command = completing(shlex.join(["harness", "train", "-m", *overrides]))
    script = f"harness() {{ printf '%s\\n' \"$@\"; }}; {command.replace(program(), 'harness', 1)}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["train", "-m", *overrides, "skip_finished=true"]


def test_a_completing_command_completes_itself():
    once = completing("harness train -m seed=0,1 skip_finished=false")
    assert once.count("skip_finished") == 1
    assert completing(once) == once


def test_without_an_activated_environment_the_program_is_named_by_its_path(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "my env" / "python"))
    monkeypatch.chdir(tmp_path)
    assert shlex.split(completing("harness train -m seed=0,1"))[0] == "my env/harness"
