"""Optimizers of torch.optim as components: their numbers, stacks of them, and what is refused."""

from __future__ import annotations

import dataclasses
from types import ModuleType

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from harness import Block, ConfigurationError
from harness.cli import main
from harness.data.on_device import DeviceData
from harness.evaluation.stopping import EarlyStopping
from harness.model.network import Network
from harness.testing import conformance
from harness.testing.fixtures import problem as suite
from harness.training.loop import train
from harness.training.records import Ended
from harness.training.state import StackState
from harness_numpy import Numpy
from harness_optimizers import Adam
from harness_torch import Torch, TorchOptim
from harness_torch.program import TorchProgram

BACKEND = Torch(dtype="float64", device="cpu")
NETWORK = Network((3, 5, 2), "relu", 0.01, True)
STEPS = 50

ALONE = ModuleType("the bridge without the backend, which has the same name")
ALONE.harness_optimizers = lambda: {"torch": TorchOptim}

test_conformance = conformance(ALONE, examples={"torch": TorchOptim("NAdam")})

# Of each kind: with and without state, with options, with the norm of a parameter in it
RULES = {
    "SGD": TorchOptim("SGD", 0.05),
    "momentum": TorchOptim("SGD", 0.05, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    "Adam": TorchOptim("Adam", options={"betas": [0.8, 0.99], "amsgrad": True}),
    "NAdam": TorchOptim("NAdam"),
    "Adafactor": TorchOptim("Adafactor"),
    "Rprop": TorchOptim("Rprop"),
    "ASGD": TorchOptim("ASGD", options={"t0": 5}),
}


def start(runs):
    return np.random.default_rng(0).normal(size=(runs, NETWORK.size))


def slopes(runs, steps=STEPS):
    return np.random.default_rng(1).normal(size=(steps, runs, NETWORK.size))


def by_hand(rule, theta, gradients, rates):
    """A plain loop around the class: θ of one run after a step for each gradient."""
    shapes = [parameter.shape for parameter in NETWORK.parameters]
    sizes = [int(np.prod(shape)) for shape in shapes]

    def parts(row):
        pieces = np.split(row, np.cumsum(sizes)[:-1])
        return [torch.tensor(p.reshape(s)) for p, s in zip(pieces, shapes, strict=True)]

    parameters = [torch.nn.Parameter(part) for part in parts(theta)]
    optimizer = getattr(torch.optim, rule.name)(parameters, lr=rule.lr, **rule.options)
    for gradient, rate in zip(gradients, rates, strict=True):
        optimizer.param_groups[0]["lr"] = rate
        for parameter, part in zip(parameters, parts(gradient), strict=True):
            parameter.grad = part
        optimizer.step()
    return np.concatenate([p.detach().numpy().ravel() for p in parameters])


@pytest.mark.parametrize("name", RULES)
def test_a_stack_of_runs_steps_as_plain_loops_around_the_class(name):
    rule, runs = RULES[name], 3
    gradients = slopes(runs)
    rates = rule.lr * np.random.default_rng(2).uniform(0.3, 1, (STEPS, runs, 1))
    update = BACKEND.updater([Block(slice(0, runs), rule)], NETWORK)
    theta = BACKEND.to_device(start(runs))
    state = update.init(theta)
    for number, (gradient, lr) in enumerate(zip(gradients, rates, strict=True), start=1):
        theta, state = update(
            theta, BACKEND.to_device(gradient), state, lr, np.full((runs, 1), float(number))
        )

    for r in range(runs):
        expected = by_hand(rule, start(runs)[r], gradients[:, r], rates[:, r, 0])
        np.testing.assert_allclose(BACKEND.to_host(theta)[r], expected, rtol=1e-12, atol=1e-14)


def rows_of(rules, theta, positions):
    """Rows of new runs, as the loop makes them, one chain a rule."""
    keys = [repr(rule) for rule in rules]
    on_device = BACKEND.to_device(theta)
    return StackState(
        rules=keys,
        runs=np.array(positions),
        epochs=np.zeros(len(rules), dtype=int),
        theta=on_device,
        best=BACKEND.to_device(theta),
        best_epoch=np.zeros(len(rules), dtype=int),
        extra_gradients=np.zeros(len(rules), dtype=int),
        history=[[] for _ in rules],
        stopping=EarlyStopping.start([suite.Training().stopping] * len(rules)),
        rule_state=updater_of(rules).init(on_device),
    )


def updater_of(rules):
    blocks, first = [], 0
    for n in range(1, len(rules) + 1):
        if n == len(rules) or rules[n] != rules[first]:
            blocks.append(Block(slice(first, n), rules[first]))
            first = n
    return BACKEND.updater(blocks, NETWORK)


def test_runs_leave_and_others_take_their_places_in_a_mixed_stack():
    by_position = [TorchOptim("NAdam"), TorchOptim("NAdam"), Adam(), TorchOptim("Adafactor")]
    by_position += [TorchOptim("NAdam"), TorchOptim("Adafactor")]
    theta, gradients = start(6), slopes(6, 20)
    ages = np.zeros(6, dtype=int)

    def begun(positions):
        order = sorted(positions, key=lambda p: repr(by_position[p]))
        return rows_of([by_position[p] for p in order], theta[order], order)

    def go(rows, steps):
        rules = [by_position[p] for p in rows.runs]
        update = updater_of(rules)
        lr = np.array([[rule.lr] for rule in rules])
        for _ in range(steps):
            gradient = np.stack([gradients[ages[p], p] for p in rows.runs])
            t = ages[rows.runs][:, None] + 1.0
            rows.theta, rows.rule_state = update(
                rows.theta, BACKEND.to_device(gradient), rows.rule_state, lr, t
            )
            ages[rows.runs] += 1

    rows = begun([0, 1, 2, 3])
    go(rows, 6)
    ends = {0: BACKEND.to_host(rows.theta)[list(rows.runs).index(0)]}
    staying = np.flatnonzero(rows.runs != 0)
    rows = rows.select(staying, BACKEND.to_device).concat(begun([4, 5]), BACKEND.to_device)
    go(rows, 8)
    ends |= dict(zip(rows.runs.tolist(), BACKEND.to_host(rows.theta), strict=True))

    assert sorted(ends) == [0, 1, 2, 3, 4, 5]
    for position, age in enumerate(ages):
        rule = by_position[position]
        if isinstance(rule, TorchOptim):
            own = gradients[:age, position]
            expected = by_hand(rule, theta[position], own, [rule.lr] * age)
            np.testing.assert_allclose(ends[position], expected, rtol=1e-12, err_msg=f"{position}")


def test_training_equals_a_plain_loop_on_the_same_batches(monkeypatch):
    """Records batches and gradients of the loop, and steps the class on them in a plain loop."""
    seen = []
    gradient_of = TorchProgram.gradient

    def recorded(self, theta, x, target):
        forward, gradient = gradient_of(self, theta, x, target)
        seen.append((BACKEND.to_host(theta)[0], BACKEND.to_host(gradient)[0]))
        return forward, gradient

    monkeypatch.setattr(TorchProgram, "gradient", recorded)
    rule = TorchOptim("RAdam", 0.02)
    run = suite._run(BACKEND, rule, 0)
    (ended,) = [
        r for r in train([run], DeviceData(BACKEND, suite._prepared())) if isinstance(r, Ended)
    ]

    factors = suite.LinearDecay().factor(np.arange(len(seen)), suite.Horizon(len(seen) // 4, 4))
    own = Network((3, 5, 2), "tanh", 0.01, True)
    assert own.size == NETWORK.size
    expected = by_hand(rule, seen[0][0], [g for _, g in seen], 0.02 * factors)
    np.testing.assert_allclose(ended.theta, expected, rtol=1e-12)


def test_a_class_that_takes_other_memory_for_a_parameter_is_brought_back(monkeypatch):
    class Moves(torch.optim.SGD):
        def step(self):
            for p in self.param_groups[0]["params"]:
                p.data = p.data - self.param_groups[0]["lr"] * p.grad

    rule = TorchOptim("SGD", 0.1)
    monkeypatch.setattr(type(rule.library), "find", lambda *_: Moves)
    theta, gradient = start(2), slopes(2, 1)[0]
    update = BACKEND.updater([Block(slice(0, 2), rule)], NETWORK)
    placed = BACKEND.to_device(theta)
    state = update.init(placed)
    for _ in range(3):
        update(placed, BACKEND.to_device(gradient), state, np.full((2, 1), 0.1), np.ones((2, 1)))
    np.testing.assert_allclose(BACKEND.to_host(placed), theta - 0.3 * gradient, rtol=1e-12)


def test_a_step_starts_from_the_row_that_it_is_given():
    rule, gradient = TorchOptim("SGD", 0.1), slopes(2, 1)[0]
    update = BACKEND.updater([Block(slice(0, 2), rule)], NETWORK)
    first, second = BACKEND.to_device(start(2)), BACKEND.to_device(start(4)[2:])
    state = update.init(first)
    for theta in (first, second):
        update(theta, BACKEND.to_device(gradient), state, np.full((2, 1), 0.1), np.ones((2, 1)))
    np.testing.assert_allclose(BACKEND.to_host(first), start(2) - 0.1 * gradient, rtol=1e-12)
    np.testing.assert_allclose(BACKEND.to_host(second), start(4)[2:] - 0.1 * gradient, rtol=1e-12)


# --- what a configuration may say -----------------------------------------------------------------


def test_what_is_not_given_is_the_default_of_the_class():
    rule = TorchOptim("NAdam", options={"betas": [0.8, 0.9]})
    assert rule.lr == 2e-3
    assert rule.options["betas"] == (0.8, 0.9)
    assert rule.options["momentum_decay"] == 4e-3
    assert dataclasses.replace(rule) == rule


@pytest.mark.parametrize(
    ("name", "lr", "options", "message"),
    [
        ("nadam", None, {}, "Unknown optimizer of torch.optim 'nadam'. Did you mean 'NAdam'"),
        ("Optimizer", None, {}, "Unknown optimizer of torch.optim"),
        ("lr_scheduler", None, {}, "Unknown optimizer of torch.optim"),
        ("SGD", None, {"momentun": 0.9}, "Did you mean 'momentum'.*Its defaults: momentum=0,"),
        ("SGD", None, {"params": 1}, "Unknown option of torch.optim.SGD 'params'"),
        ("SGD", None, {"lr": 1}, "the rate is optimizer.lr"),
        ("SGD", float("nan"), {}, "'lr' of TorchOptim must be in the range"),
    ],
)
def test_names_are_checked_when_the_component_is_made(name, lr, options, message):
    with pytest.raises(ConfigurationError, match=message):
        TorchOptim(name, lr, options)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("SGD", {"momentum": -1}, "torch.optim.SGD cannot be used here.*Invalid momentum value"),
        ("SGD", {"momentum": "much"}, "torch.optim.SGD cannot be used here"),
        ("LBFGS", {}, "by a closure"),
        ("SparseAdam", {}, "does not support dense gradients"),
        ("Muon", {}, "2D parameters.*network.bias=false"),
    ],
)
def test_what_a_class_refuses_is_said_before_training(name, options, message):
    with pytest.raises(ConfigurationError, match=message):
        TorchOptim(name, options=options).check(BACKEND, NETWORK)


def test_matrices_alone_are_enough_for_muon():
    TorchOptim("Muon").check(BACKEND, Network((3, 5, 2), "relu", 0.01, False))


def test_another_backend_is_told_which_one_can():
    rule = TorchOptim("SGD")
    with pytest.raises(ConfigurationError, match=r"optimizer=torch .* Add backend=torch"):
        rule.check(Numpy(), NETWORK)
    with pytest.raises(ConfigurationError, match="Add backend=torch"):
        Numpy().updater([Block(slice(0, 1), rule)], NETWORK).init(start(1))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["optimizer.name=Adm"], "Unknown optimizer of torch.optim 'Adm'. Did you mean 'Adam'"),
        ([], "optimizer.name has no default"),
        (["optimizer.name=LBFGS"], "torch.optim.LBFGS cannot be used here"),
        (["optimizer.name=SGD", "backend=numpy"], "Add backend=torch"),
        (["optimizer.name=SGD,Muon"], "torch.optim.Muon cannot be used here"),
    ],
)
def test_a_mistake_is_told_before_anything_trains(
    overrides, message, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    words = ["backend=torch", "optimizer=torch", "dataset=iris", *overrides]
    assert main(["train", "-m", *words]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.glob("outputs/**/result.json"))


def test_options_are_set_on_the_command_line_as_any_key(run_of):
    run = run_of(
        "backend=torch",
        "optimizer=torch",
        "optimizer.name=Adam",
        "optimizer.options.betas=[0.5,0.9]",
        "optimizer.options.amsgrad=true",
    )
    assert run.config.optimizer == TorchOptim(
        "Adam", options={"betas": [0.5, 0.9], "amsgrad": True}
    )
    assert run.params["optimizer.options.betas"] == "(0.5, 0.9)"
    assert run.params["optimizer.options.eps"] == "1e-08"
    assert run.rule == "torch torch.optim.Adam"


def test_a_stack_with_a_bridged_run_is_not_compiled(problem):
    stack = problem([(TorchOptim("SGD"), 2)])
    assert BACKEND.compiled(stack.step, *stack.data(BACKEND), steps=10**9) is None
