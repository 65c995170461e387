"""Components that misbehave while they train: their runs fail with one message, and the others go on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.harness.strangers.conftest import Distribution, Site

pytestmark = pytest.mark.slow

QUICK = (
    "training.max_epochs=2",
    "tracking.log_model=false",
    "tracking.picture=false",
    "training.stopping.patience=null",
    "hydra.launcher.workers=1",
)

MODULE = """
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

import harness
from harness import Scope, Task, Turn

harness_contract = 1


class Rule:
    lr: float = 0.1

    def init(self, theta):
        return {{"m": 0 * theta}}

    def step(self, theta, gradient, state, *, lr, t):
        return theta - lr * gradient, state

{rules}

class Around:
    def init(self, theta):
        return {{"m": 0 * theta}}

    def step(self, gradient, theta, state, *, lr, t):
        return gradient, state

{wrappers}

class Start:
    def sample(self, shape, layer, rng):
        return rng.standard_normal(shape)

{starts}

class Plan:
    def factor(self, step, horizon):
        return np.ones_like(step)

{plans}

class Loss:
    tasks: ClassVar[frozenset] = frozenset({{Task.MULTICLASS}})
    default_for: ClassVar[frozenset] = frozenset()
    output_activation: ClassVar[str] = "softmax"

    def value(self, output, target):
        xp = harness.array_namespace(output)
        return xp.mean(xp.sum((output - target) ** 2, axis=-1), axis=-1)

    def gradient(self, output, target):
        return 2 * (output - target) / output.shape[-2]

{losses}

class Source:
    @property
    def task(self):
        return Task.MULTICLASS

    def load(self):
        x = np.arange(120.0).reshape(60, 2)
        return harness.Data(x, np.arange(60) % 3, source="misfits")

{sources}
"""

COMPONENT = """
@dataclass(frozen=True)
class {cls}({base}):
{fields}
{body}
"""

HOOK = """
@harness.hookimpl
def harness_{hook}():
    return {{{pairs}}}
"""

RULES = {  # name -> the body that differs, and the message
    "writes": (
        "def step(self, theta, gradient, state, *, lr, t):\n"
        "    if isinstance(theta, np.ndarray): theta -= lr * gradient\n"
        "    return theta, state",
        "step must not write into its argument theta",
    ),
    "eats": (
        "def step(self, theta, gradient, state, *, lr, t):\n"
        "    gradient *= 0\n    return theta - gradient, state",
        "step must not write into its argument gradient",
    ),
    "keeps": (
        "def step(self, theta, gradient, state, *, lr, t):\n"
        "    state['m'] += gradient\n    return theta - lr * state['m'], state",
        "step must not write into its argument state['m']",
    ),
    "wide": (
        "def step(self, theta, gradient, state, *, lr, t):\n    return lr * t, state",
        "the array that step returns first must have shape (2, 8) and dtype float32. Got (2, 1) and "
        "float32",
    ),
    "double": (
        "def init(self, theta):\n    return {'m': np.zeros(theta.shape)}",
        "the slot 'm' that init returns must have shape (2, 8) and dtype float32. Got (2, 8) and "
        "float64",
    ),
    "forgets": (
        "def step(self, theta, gradient, state, *, lr, t):\n    return theta - lr * gradient, {}",
        "step must return the slots that init has made: ['m']. Got []",
    ),
    "alone": (
        "def step(self, theta, gradient, state, *, lr, t):\n    return theta - lr * gradient",
        "step must return (theta, state). Got a ndarray",
    ),
    "raises": (
        "def step(self, theta, gradient, state, *, lr, t):\n"
        "    raise ArithmeticError('out of luck')",
        "raised ArithmeticError: out of luck",
    ),
    "late": (  # only when it trains, and only after a while
        "def init(self, theta):\n    self.calls.clear()\n    return {}\n"
        "calls: ClassVar[list] = []\n"
        "def step(self, theta, gradient, state, *, lr, t):\n"
        "    self.calls.append(0)\n"
        "    if float(np.max(np.asarray(t, float))) > 3: raise ArithmeticError('at step 4')\n"
        "    return theta - lr * gradient, state",
        "raised ArithmeticError: at step 4",
    ),
    "leaves": (
        "def step(self, theta, gradient, state, *, lr, t):\n    raise SystemExit(4)",
        "raised SystemExit: 4",
    ),
    "interrupts": (
        "def step(self, theta, gradient, state, *, lr, t):\n    raise KeyboardInterrupt",
        "raised KeyboardInterrupt",
    ),
}
AROUND = {
    "clips": (
        "def step(self, gradient, theta, state, *, lr, t):\n"
        "    gradient *= 0.5\n    return gradient, state",
        "step must not write into its argument gradient",
    ),
    "shrinks": (
        "def step(self, gradient, theta, state, *, lr, t):\n"
        "    theta *= 0.5\n    return gradient, state",
        "step must not write into its argument theta",
    ),
    "one_norm": (
        "def step(self, gradient, theta, state, *, lr, t):\n    return gradient.sum(-1), state",
        "the array that step returns first must have shape (2, 8) and dtype float32. Got (2,) and "
        "float32",
    ),
    "drops": (
        "def step(self, gradient, theta, state, *, lr, t):\n    return gradient, {}",
        "step must return the slots that init has made: ['m']. Got []",
    ),
    "judged": (
        "def evaluated(self, theta, state):\n    return theta[:1]",
        "what evaluated returns must have shape (2, 8) and dtype float32. Got (1, 8)",
    ),
    "stumbles": (
        "def step(self, gradient, theta, state, *, lr, t):\n"
        "    raise ArithmeticError('out of luck')",
        "raised ArithmeticError: out of luck",
    ),
    "looks": (  # takes another gradient, which its scope does not give it
        "def step(self, gradient, theta, state, *, lr, t, batch):\n"
        "    return batch.gradient(theta), state",
        "step must take two arrays, the state, and by name lr, t; batch is given with Scope.OBJECTIVE "
        "alone. It does not: missing a required argument: 'batch'",
    ),
}
STARTS = {
    "hollow": (
        "def sample(self, shape, layer, rng):\n    return np.full(shape, np.nan)",
        "sample must return finite numbers. 256 of 256 of layer1.weight are not",
    ),
    "infinite": (
        "def sample(self, shape, layer, rng):\n"
        "    x = np.ones(shape)\n    x.flat[0] = np.inf\n    return x",
        "sample must return finite numbers. 1 of 256 of layer1.weight are not",
    ),
    "flat": (
        "def sample(self, shape, layer, rng):\n    return np.ones(5)",
        "sample must return the shape that it is asked for. Got (5,) for layer1.weight, which has (64,",
    ),
    "whole": (
        "def sample(self, shape, layer, rng):\n    return np.ones(shape, int)",
        "sample must return an array of floats. Got int64 numbers",
    ),
    "listed": ("def sample(self, shape, layer, rng):\n    return [1.0]", "floats. Got [1.0]"),
}
PLANS = {
    "one_number": (
        "def factor(self, step, horizon):\n    return 1.0",
        "factor must return an array with one number a step, of shape (2,). Got 1.0",
    ),
    "short": (
        "def factor(self, step, horizon):\n    return np.ones(1)",
        "factor must return an array with one number a step, of shape (2,). Got (1,)",
    ),
    "nan_later": (
        "def factor(self, step, horizon):\n    return np.where(step > 2, np.nan, 1.0)",
        "factor must return finite numbers. Got nan for step 3",
    ),
}
LOSSES = {
    "summed": (
        "def value(self, output, target):\n    return output.sum()",
        "value must return one mean a run, of shape (2,) for 2 runs. Got ()",
    ),
    "narrow": (
        "def gradient(self, output, target):\n    return output[..., :1]",
        "what gradient returns must have shape (2, 3, 3) and dtype float32. Got (2, 3, 1)",
    ),
    "precise": (
        "def gradient(self, output, target):\n    return output.astype(np.float64)",
        "what gradient returns must have shape (2, 3, 3) and dtype float32. Got (2, 3, 3) and float64",
    ),
    "no_number": (
        "def value(self, output, target):\n    return output[:, 0, 0] * np.nan",
        "value must be finite where outputs are of ordinary size",
    ),
    "scales": (
        "def gradient(self, output, target):\n    output /= 2\n    return output",
        "value or gradient must not write into its argument output",
    ),
}
SOURCES = {
    "holes": (
        "def load(self):\n    return harness.Data(np.full((60, 2), np.nan), np.arange(60) % 3, 'holes')",
        "holes: features must be finite. Got nan in row 1",
    ),
    "nothing": ("def load(self):\n    return None", "load must return harness.Data. Got None"),
    "cut": (
        "def load(self):\n    return harness.Data(np.ones((60, 2)), np.arange(9) % 3, 'cut')",
        "cut: the targets of a multiclass task must be an array of numbers of shape (60,)",
    ),
    "fails": (
        "def load(self):\n    raise OSError('the disk is gone')",
        "raised OSError: the disk is gone",
    ),
}
KINDS = {  # kind -> (hook, group, base, components, a good one)
    "optimizer": ("optimizers", "optimizer", "Rule", RULES, "sgd"),
    "wrapper": ("wrappers", "wrapper", "Around", AROUND, "ema"),
    "initializer": ("initializers", "initializer", "Start", STARTS, "he_normal"),
    "schedule": ("schedules", "schedule", "Plan", PLANS, "constant"),
    "loss": ("losses", "loss", "Loss", LOSSES, "softmax_cross_entropy"),
    "dataset": ("datasets", "dataset", "Source", SOURCES, "iris"),
}


def classes(kind: str) -> str:
    hook, _, base, components, _ = KINDS[kind]
    fields = ""
    if kind == "optimizer":
        fields = "    lr: float = 0.1\n    scope: ClassVar[Scope] = Scope.ELEMENT\n"
    if kind == "wrapper":
        fields = "    scope = Scope.ELEMENT\n    turn = Turn.GRADIENT\n"
    text = "".join(
        COMPONENT.format(
            cls=name.title().replace("_", ""),
            base=base,
            fields=fields,
            body="".join(f"    {line}\n" for line in body.splitlines()),
        )
        for name, (body, _) in components.items()
    )
    pairs = ", ".join(f'"{name}": {name.title().replace("_", "")}' for name in components)
    return text + HOOK.format(hook=hook, pairs=pairs)


@pytest.fixture(scope="module")
def site(install) -> Path:
    source = MODULE.format(
        rules=classes("optimizer"),
        wrappers=classes("wrapper"),
        starts=classes("initializer"),
        plans=classes("schedule"),
        losses=classes("loss"),
        sources=classes("dataset"),
    )
    return install(Distribution("misfits", {"misfits": source}, version="3.0"))


@pytest.mark.parametrize("kind", KINDS)
def test_each_run_fails_with_its_reason_and_the_others_go_on(kind, site, tmp_path):
    _, group, _, components, good = KINDS[kind]
    here = Site(site, tmp_path)
    chosen = f"{group}={','.join([good, *components])}"
    fixed = () if kind == "dataset" else ("dataset=iris",)
    if kind != "optimizer":
        fixed = (*fixed, "optimizer=sgd")
    done = here.harness("train", "-m", *fixed, *QUICK, chosen, "training.batch_size=64")
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    results = {one["names"][group]: one for one in here.results()}
    assert results.pop(good)["status"] == "finished"
    assert set(results) == set(components)
    for name, (_, message) in components.items():
        result = results[name]
        assert result["status"] == "failed", name
        assert message in result["error"], name
        of = f"{kind} {name!r} of the plugin misfits:misfits (misfits 3.0) "
        assert of in result["error"], name
        assert "\n" not in result["error"]
        assert result["error"] in done.stderr
        details = (result["at"] / "error.txt").read_text()
        assert details.startswith(result["error"])
        if "raised" in message:
            # The traceback begins in the plugin: what is above is of no use to its author
            assert re.findall(r'File "(.+?)"', details)[0].endswith("misfits.py")


@pytest.mark.parametrize("backend", ["torch"])
def test_the_same_on_another_backend(backend, site, tmp_path):
    pytest.importorskip(backend)
    here = Site(site, tmp_path)
    chosen = ["sgd", "eats", "keeps", "forgets", "alone", "raises"]
    arguments = ("dataset=iris", *QUICK, f"backend={backend}", f"optimizer={','.join(chosen)}")
    done = here.harness("train", "-m", *arguments)
    assert done.returncode == 1, done.stderr
    results = {one["names"]["optimizer"]: one for one in here.results()}
    assert results.pop("sgd")["status"] == "finished"
    for name, result in results.items():
        message = RULES[name][1].replace("ndarray", "Tensor")
        assert message in result["error"]


def test_one_run_alone_fails_with_one_line(site, tmp_path):
    here = Site(site, tmp_path)
    done = here.harness("train", "dataset=iris", *QUICK[:-1], "optimizer=writes")
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if "optimizer 'writes'" in line]
    assert "The optimizer 'writes' of the plugin misfits:misfits (misfits 3.0) breaks" in line
    assert "Traceback" not in done.stderr
