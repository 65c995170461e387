"""The step that is captured on a CUDA device, run here on the same buffers without a capture."""

import gc
import weakref
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from torch.utils._python_dispatch import TorchDispatchMode

from harness import Scope
from harness.model.network import ACTIVATIONS
from harness_losses import harness_losses
from harness_optimizers import Adam, HeavyBall, Sgd, Shampoo, harness_optimizers
from harness_torch import Torch, cuda_graph
from harness_torch.cuda_graph import MAX_RECORDINGS, CapturedPass
from harness_torch.epoch_buffers import EpochBuffers
from harness_torch.step import WholeStep
from harness_torch.synchronization import SYNCHRONIZING
from harness_wrappers import ClipNorm

BACKEND = Torch(dtype="float64", device="cpu")
CPU = torch.device("cpu")
RULES = [(r(), 2) for r in harness_optimizers().values() if r.scope is not Scope.OBJECTIVE]
CAPTURED = [(rule, runs) for rule, runs in RULES if not isinstance(rule, Shampoo)]
LOSSES = harness_losses()
needs_cuda = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="needs a CUDA device, and finds none"
)


class Uncaptured:
    """Runs the step where a graph would be replayed, and counts recordings."""

    def __init__(self):
        self.recorded = 0

    def __call__(self, epoch, sizes):
        self.recorded += 1
        return [lambda size=size: epoch.step(size) for size in sizes]


@pytest.fixture(autouse=True)
def _no_recordings(monkeypatch):
    monkeypatch.setattr(cuda_graph, "_recordings", type(cuda_graph._recordings)())


def whole(problem, backend=BACKEND, dtype=torch.float64, device=CPU):
    return WholeStep(problem.step, backend.to_device, dtype, device)


def captured(problem, recorder, data=None):
    return CapturedPass(whole(problem), *(data or problem.data(BACKEND)), recorder)


def test_epochs_with_wrappers_are_those_of_the_loop(wrapped, agree):
    run = captured(wrapped, Uncaptured())

    agree(wrapped.by_the_loop(BACKEND, 3), wrapped.by_the_pass(BACKEND, run, 3))


@pytest.mark.parametrize("shared", [False, True])
def test_epochs_of_every_rule_are_those_of_the_loop(problem, agree, shared):
    stack = problem(RULES, shared=shared)
    run = captured(stack, Uncaptured())

    agree(stack.by_the_loop(BACKEND, 5), stack.by_the_pass(BACKEND, run, 5))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_loss_and_activation(problem, agree, loss, activation):
    stack = problem([(Adam(), 1), (Sgd(), 2)], LOSSES[loss](), activation, samples=12)

    agree(stack.by_the_loop(BACKEND), stack.by_the_pass(BACKEND, captured(stack, Uncaptured())))


@pytest.mark.parametrize("samples", [6, 7, 12])
@pytest.mark.parametrize("runs", [1, 3])
def test_a_plain_run_with_and_without_a_smaller_last_batch(problem, agree, runs, samples):
    stack = problem([(HeavyBall(), runs)], auxiliary=False, decay=False, samples=samples)

    agree(stack.by_the_loop(BACKEND), stack.by_the_pass(BACKEND, captured(stack, Uncaptured())))


def test_other_values_need_no_other_record(problem, agree):
    recorder, first = Uncaptured(), problem(RULES)
    data = first.data(BACKEND)
    first.by_the_pass(BACKEND, captured(first, recorder, data))

    for seed in (1, 2):
        stack = problem(RULES, seed=seed).on_the_data_of(first)
        agree(
            stack.by_the_loop(BACKEND), stack.by_the_pass(BACKEND, captured(stack, recorder, data))
        )

    assert recorder.recorded == 1


@pytest.mark.parametrize(
    "other",
    [
        {"blocks": [(Adam(), 3)]},
        {"blocks": [(HeavyBall(), 2)]},
        {"shared": True},
        {"blocks": [([ClipNorm(), Adam()], 2)]},
        {"auxiliary": False},
        {"decay": False},
        {"batch_size": 5},
        {"activation": "relu"},
    ],
)
def test_other_shapes_rules_and_terms_are_recorded_anew(problem, agree, other):
    recorder, first = Uncaptured(), problem([(Adam(), 2)])
    data = first.data(BACKEND)
    first.by_the_pass(BACKEND, captured(first, recorder, data))
    stack = problem(**{"blocks": [(Adam(), 2)], **other}).on_the_data_of(first)

    actual = stack.by_the_pass(BACKEND, captured(stack, recorder, data))

    agree(stack.by_the_loop(BACKEND), actual)
    assert recorder.recorded == 2


def test_a_shorter_epoch_on_the_same_data_is_recorded_anew(problem, agree):
    recorder, first = Uncaptured(), problem([(Adam(), 2)])
    data = first.data(BACKEND)
    first.by_the_pass(BACKEND, captured(first, recorder, data))
    samples = first.step.batch_size
    shorter = replace(first, order=first.order[..., :samples], lr=first.lr[:1])

    agree(
        shorter.by_the_loop(BACKEND), shorter.by_the_pass(BACKEND, captured(first, recorder, data))
    )
    assert recorder.recorded == 2


def test_an_epoch_leaves_what_it_returns_to_the_caller(problem):
    stack, recorder = problem([(Adam(), 2)]), Uncaptured()
    run = captured(stack, recorder)
    theta, state, sums = run(*stack.arguments(BACKEND))
    copies = [theta.clone(), *(slot.clone() for slot in state[0][0].values()), sums["main"].clone()]

    run(*stack.arguments(BACKEND))

    for before, after in zip(copies, [theta, *state[0][0].values(), sums["main"]], strict=True):
        assert torch.equal(before, after)


def test_only_so_many_records_are_kept(problem):
    recorder, epochs = Uncaptured(), []

    def watched(epoch, sizes):
        epochs.append(weakref.ref(epoch))
        return recorder(epoch, sizes)

    for runs in range(1, MAX_RECORDINGS + 4):
        stack = problem([(Sgd(), runs)])
        stack.by_the_pass(BACKEND, captured(stack, watched))
    del stack
    gc.collect()

    assert sum(epoch() is not None for epoch in epochs) == MAX_RECORDINGS


class OnDevice(TorchDispatchMode):
    """Fails for an operation that leaves the device, which no capture allows."""

    # their results depend in size on values, or they wait for a value: `.item()` is the first
    WAITING = ("_local_scalar_dense", "nonzero", "masked_select", "equal", "_unique2")

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        waits = name in self.WAITING or function.overloadpacket in SYNCHRONIZING
        assert not waits, f"{name} waits for the device"
        result = function(*args, **(kwargs or {}))
        for value in result if isinstance(result, tuple | list) else [result]:
            if isinstance(value, torch.Tensor):
                assert value.device.type == "meta", f"{name} makes a tensor on the {value.device}"
        return result


# Each activation with one loss, each loss with one activation or two; all pairs in `make test-full`
PAIRS = [
    pytest.param(loss, activation, marks=() if a % len(LOSSES) == n else pytest.mark.full)
    for n, loss in enumerate(LOSSES)
    for a, activation in enumerate(ACTIVATIONS)
]


@pytest.mark.parametrize(("loss", "activation"), PAIRS)
def test_nothing_in_a_step_leaves_the_device(problem, loss, activation):
    """On PyTorch's meta device, whose tensors have no values: a step that runs there needs none."""
    stack = problem(CAPTURED, LOSSES[loss](), activation)
    meta = torch.device("meta")

    def to_device(array):
        return torch.tensor(array).to(meta)

    step = WholeStep(stack.step, to_device, torch.float64, meta)
    theta, state, order, _, _ = stack.arguments(BACKEND)
    epoch = EpochBuffers(
        step,
        *(part.to(meta) for part in stack.data(BACKEND)),
        theta.to(meta),
        [[{n: slot.to(meta) for n, slot in piece.items()} for piece in pieces] for pieces in state],
        order,
    )

    with OnDevice(), torch.no_grad():
        epoch.step(stack.step.batch_size)


def test_a_step_that_asks_for_a_value_would_be_noticed():
    with OnDevice(), pytest.raises(AssertionError, match="makes a tensor on the cpu"):
        torch.zeros(3)
    with OnDevice(), pytest.raises(AssertionError, match="waits for the device"):
        torch.zeros(3, device="meta").nonzero()
    with OnDevice(), pytest.raises(AssertionError, match="waits for the device"):
        torch.linalg.eigh(torch.zeros(3, 3, device="meta"))


@pytest.mark.gpu
@needs_cuda
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-4), ("float64", 1e-10)])
def test_a_captured_epoch_is_that_of_the_loop_on_the_cpu(problem, agree, dtype, tolerance, loss):
    cuda, cpu = (Torch(dtype=dtype, device=device) for device in ("cuda", "cpu"))

    for shared in (False, True):
        stack = problem(CAPTURED, LOSSES[loss](), shared=shared)
        run = cuda.compiled(stack.step, *stack.data(cuda), 100)
        assert isinstance(run, CapturedPass)
        agree(stack.by_the_loop(cpu, 3), stack.by_the_pass(cuda, run, 3), tolerance)


@pytest.mark.gpu
@needs_cuda
def test_a_captured_epoch_is_the_same_twice_and_for_other_values(problem, agree, monkeypatch):
    cuda = Torch(dtype="float64", device="cuda")
    graphs = []
    original = cuda_graph._graph
    monkeypatch.setattr(cuda_graph, "_graph", lambda *a: graphs.append(a) or original(*a))
    first = problem(CAPTURED)
    data = first.data(cuda)

    for seed in (0, 0, 1):
        stack = problem(CAPTURED, seed=seed).on_the_data_of(first)
        run = cuda.compiled(stack.step, *data, 100)
        actual, again = (stack.by_the_pass(cuda, run, 2) for _ in range(2))
        np.testing.assert_array_equal(actual[0], again[0])
        agree(stack.by_the_loop(BACKEND, 2), actual, 1e-10)

    assert len(graphs) == 2  # a whole batch and the smaller last one
