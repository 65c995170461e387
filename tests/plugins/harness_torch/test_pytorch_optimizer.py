"""Optimizers of the package pytorch_optimizer: their numbers, their random numbers, their divergence."""

from __future__ import annotations

import dataclasses
from types import ModuleType

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
library = pytest.importorskip("pytorch_optimizer", reason="pytorch_optimizer is not installed")

from harness import Block, ConfigurationError, MissingDependencyError
from harness.model.network import Network
from harness.testing import conformance
from harness_torch import PytorchOptimizer, Torch, TorchOptim
from harness_torch.libraries import PYTORCH_OPTIMIZER

BACKEND = Torch(dtype="float64", device="cpu")
NETWORK = Network((3, 5, 2), "relu", 0.01, True)
SHAPES = [parameter.shape for parameter in NETWORK.parameters]

ALONE = ModuleType("the bridge to one library")
ALONE.harness_optimizers = lambda: {"pytorch_optimizer": PytorchOptimizer}

test_conformance = conformance(ALONE, examples={"pytorch_optimizer": PytorchOptimizer("Lion")})


def start(runs):
    return np.random.default_rng(0).normal(size=(runs, NETWORK.size))


def slopes(runs, steps=12):
    return np.random.default_rng(1).normal(size=(steps, runs, NETWORK.size))


def stepped(rule, theta, gradients, rates):
    """θ on the host after a step for each gradient, (S, R, P). rates: (S,)."""
    runs = len(theta)
    update = BACKEND.updater([Block(slice(0, runs), rule)], NETWORK)
    theta = BACKEND.to_device(theta)
    state = update.init(theta)
    for number, (gradient, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
        lr, t = np.full((runs, 1), rate), np.full((runs, 1), float(number))
        theta, state = update(theta, BACKEND.to_device(gradient), state, lr, t)
    return BACKEND.to_host(theta)


def parts(row):
    sizes = [int(np.prod(shape)) for shape in SHAPES]
    pieces = np.split(row, np.cumsum(sizes)[:-1])
    return [torch.tensor(p.reshape(s)) for p, s in zip(pieces, SHAPES, strict=True)]


@pytest.mark.parametrize("name", ["Lamb", "Lion", "Prodigy", "Adan", "Muon"])
def test_each_run_of_a_stack_steps_as_a_plain_loop(name):
    rule, gradients = PytorchOptimizer(name), slopes(2)
    factors = np.linspace(1, 0.5, len(gradients))
    actual = stepped(rule, start(2), gradients, rule.lr * factors)

    for r in range(2):
        parameters = [torch.nn.Parameter(part) for part in parts(start(2)[r])]
        if name == "Muon":
            groups = [
                {"params": parameters[0::2], "use_muon": True},
                {"params": parameters[1::2], "use_muon": False},
            ]
        else:
            groups = parameters
        optimizer = getattr(library, name)(groups)
        rates = [group["lr"] for group in optimizer.param_groups]  # Muon's AdamW has its own
        for gradient, factor in zip(gradients[:, r], factors, strict=True):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * factor
            for parameter, part in zip(parameters, parts(gradient), strict=True):
                parameter.grad = part
            optimizer.step()
        expected = np.concatenate([p.detach().numpy().ravel() for p in parameters])
        np.testing.assert_allclose(actual[r], expected, rtol=1e-12)


@pytest.mark.parametrize(
    "name", ["Gravity", "SPAM", "Kron"]
)  # from PyTorch at the start, and NumPy
def test_random_numbers_are_the_runs_own(name):
    rule, gradients = PytorchOptimizer(name), slopes(3)
    rates = np.full(len(gradients), rule.lr)
    torch.manual_seed(5)
    before = torch.get_rng_state(), str(np.random.get_state())  # noqa: NPY002
    together = stepped(rule, start(3), gradients, rates)
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1] == str(np.random.get_state())  # noqa: NPY002

    torch.manual_seed(6)
    for r in range(3):
        row = slice(r, r + 1)
        alone = stepped(rule, start(3)[row], gradients[:, row], rates)
        np.testing.assert_array_equal(alone, together[row])


def test_an_error_of_numbers_that_are_not_finite_is_divergence():
    gradients = slopes(2)
    gradients[5:, 0] = np.inf
    rule = PytorchOptimizer("Shampoo", options={"preconditioning_compute_steps": 1})
    actual = stepped(rule, start(2), gradients, np.full(len(gradients), 0.01))
    assert np.isnan(actual[0]).all()
    assert np.isfinite(actual[1]).all()


def test_any_other_error_is_an_error(monkeypatch):
    class Breaks(torch.optim.SGD):
        def step(self):
            raise RuntimeError("out of luck")

    rule = TorchOptim("SGD")
    monkeypatch.setattr(type(rule.library), "find", lambda *_: Breaks)
    with pytest.raises(RuntimeError, match="out of luck"):
        stepped(rule, start(1), slopes(1), np.full(12, 0.1))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("SAM", "pytorch_optimizer.SAM cannot be used: it wraps another optimizer"),
        ("Lookahead", "it wraps another optimizer"),
        ("LOMO", "it takes the whole model"),
        ("AdaHessian", "it needs second derivatives"),
        ("ScheduleFreeAdamW", "it evaluates other parameters than it trains"),
        ("AliG", "it has no learning rate"),
        ("A2Grad", "set optimizer.lr"),
        ("Ranger21", r"set it, as in optimizer.options.num_iterations=1"),
        ("BSAM", r"set it, as in optimizer.options.num_data=1"),
    ],
)
def test_what_a_class_needs_and_cannot_have_is_said_by_name(name, message):
    with pytest.raises(ConfigurationError, match=message):
        PytorchOptimizer(name).check(BACKEND, NETWORK)


def test_a_library_that_is_not_installed_is_named_with_its_extra():
    missing = dataclasses.replace(PYTORCH_OPTIMIZER, needs=("torch", "not_installed_anywhere"))
    with pytest.raises(MissingDependencyError, match=r"harness\[pytorch-optimizer\]"):
        missing.find("Lion")
