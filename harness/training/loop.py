"""The training loop, as a generator: the consumer of its records logs, draws, saves.

    for each epoch:
        for each batch, in the order of the run:
            forward, gradient, update          θ ← rule(θ, ∇ℒ, η(t))
        validate
        decide which runs end; those that wait take their slots

All runs of a stack take each step together, each in an epoch of its own. A run that stops or diverges
leaves; the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from time import perf_counter

import numpy as np

from harness.backends import Pass
from harness.configuration.settings import Run
from harness.contracts import Array
from harness.data.on_device import DeviceData
from harness.evaluation.evaluator import TermMeter, means
from harness.evaluation.halving import Rungs
from harness.evaluation.metrics import metric_names
from harness.evaluation.stopping import EarlyStopping
from harness.training.bound_stack import BoundStack, chain_of
from harness.training.contract_check import ContractCheck
from harness.training.endings import endings
from harness.training.final_evaluation import ended
from harness.training.records import Began, Epoch, Record, Status
from harness.training.run_queue import RunQueue
from harness.training.setup import Setup
from harness.training.stack import Stack
from harness.training.state import StackState
from harness.update.chain import flat, nested

__all__ = ["train"]


def train(
    runs: Sequence[Run],
    data: DeviceData,
    next_runs: Callable[[int], list[int]] | None = None,
    stack_size: int | None = None,
    rungs: Rungs | None = None,
) -> Iterator[Record]:
    """Trains runs that share every shape as one stack, and yields what happens, epoch by epoch.

    Positions in the records are those in `runs`. A run's numbers do not depend on its company.

    Args:
        runs: Runs of one group.
        data: Their data, on the device of their backend.
        next_runs: Gives the positions in `runs` of the next ones to train, at most as many as it is
            asked for, and none once it has given fewer; by default all are trained.
        stack_size: Runs in training at a time, at most; by default all. The slot of a run that is over
            goes to the next one.
        rungs: Scores for successive halving, shared with other stacks of the same runs.
    """
    next_runs = RunQueue(range(len(runs))).pop if next_runs is None else next_runs
    stack_size = len(runs) if stack_size is None else stack_size
    rungs = Rungs() if rungs is None else rungs
    setup = Setup.of(runs[0], data)
    contract = ContractCheck(setup.backend, setup.network)
    refills = -(-len(runs) // stack_size)  # how often each slot is filled, at most
    state: StackState | None = None
    # Runs that diverge overflow; the loop looks for them once an epoch and needs no warnings.
    with np.errstate(all="ignore"):
        while True:
            new = next_runs(stack_size - (0 if state is None else len(state.runs)))
            if new:
                joining = Stack(tuple(runs[position] for position in new))
                for run in joining.runs:
                    contract.check(run)
                theta = joining.initial_theta(setup.network, data.data.train.features)
                yield Began(tuple(new), theta)
                started = _start(setup, joining, np.array(new), theta)
                state = started if state is None else state.concat(started, setup.backend.to_device)
            if state is None:
                return
            stack = Stack(tuple(runs[position] for position in state.runs))
            epochs = refills * stack.epochs_left(state.epochs)
            bound = BoundStack.bind(stack, setup, epochs)
            staying = yield from _train_until_one_ends(bound, state, rungs)
            state = state.select(staying, setup.backend.to_device) if staying.size else None


def _start(setup: Setup, stack: Stack, positions: np.ndarray, theta: np.ndarray) -> StackState:
    """The state of runs before their first epoch, ordered by update rule."""
    order = np.array(sorted(range(len(positions)), key=stack.keys.__getitem__))
    stack, on_device = stack.part(order), setup.backend.to_device(theta[order])
    return StackState(
        rules=stack.keys,
        runs=positions[order],
        epochs=np.zeros(len(order), dtype=int),
        theta=on_device,
        best=setup.backend.to_device(theta[order]),
        best_epoch=np.zeros(len(order), dtype=int),
        extra_gradients=np.zeros(len(order), dtype=int),
        history=[[] for _ in order],
        stopping=EarlyStopping.start([config.training.stopping for config in stack.configs]),
        rule_state=chain_of(stack, setup).init(on_device),
    )


def _train_until_one_ends(
    bound: BoundStack, state: StackState, rungs: Rungs
) -> Generator[Record, None, np.ndarray]:
    """Trains a stack for as long as all its runs go on. Returns the rows that stay."""
    while True:
        metrics = _epoch(bound, state)
        judged = bound.chain.evaluated(state.theta, state.rule_state)
        metrics |= _validate(bound, judged)
        yield Epoch(tuple(state.runs.tolist()), tuple(state.epochs.tolist()), metrics)
        statuses = _observe(bound, state, judged, metrics, rungs)
        yield from ended(bound, state, statuses)
        staying = np.flatnonzero([status is None for status in statuses])
        if len(staying) < len(statuses):
            return staying


# --- an epoch -------------------------------------------------------------------------------------


def _epoch(bound: BoundStack, state: StackState) -> dict[str, np.ndarray]:
    """One pass over the training part. Returns the metrics of training, (R,) each."""
    setup, chain, runs = bound.setup, bound.chain, len(state.runs)
    state.epochs += 1
    rates = bound.stack.rates(state.epochs, setup.steps, setup.batch_size, state.history)
    begun, before = perf_counter(), chain.extra_gradients(runs)
    order = bound.stack.order(state.epochs, len(setup.data.part("train")))[..., : setup.samples]
    t = (state.epochs[:, None] - 1.0) * setup.steps + 1.0  # the first step
    if bound.compiled is None:
        terms = _descend(bound, state, order, rates, t)
    else:
        terms = _descend_compiled(bound.compiled, setup, state, order, rates, t)
    seconds = perf_counter() - begun
    state.extra_gradients += chain.extra_gradients(runs) - before
    return {
        **{f"train/{name}": values for name, values in terms.items()},
        "train/lr": rates[-1],
        "train/epoch_seconds": np.full(runs, seconds),
        "train/steps": state.epochs * setup.steps,
        "train/samples": state.epochs * setup.samples,
        "train/gradients": state.epochs * setup.steps + state.extra_gradients,
    }


def _descend(
    bound: BoundStack, state: StackState, order: np.ndarray, rates: np.ndarray, t: np.ndarray
) -> dict[str, np.ndarray]:
    """The inner loop. Returns the mean of each term over the samples, (R,).

    Args:
        bound: The stack.
        state: Its state; θ and the state of its rules are replaced.
        order: Row numbers of the samples, (R, n), or (n,) where all runs share them.
        rates: Learning rate of each step and run, (S, R).
        t: Number of the first step, from 1, (R, 1).
    """
    train, size = bound.setup.data.part("train"), bound.setup.batch_size
    rows = bound.setup.backend.to_device(order)
    meter = TermMeter(bound.objective)
    theta, rule_state = state.theta, state.rule_state
    for step, lr in enumerate(rates[:, :, None]):
        drawn = rows[..., step * size : (step + 1) * size]
        x, target = train.features[drawn], train.targets[drawn]
        forward, gradient = bound.program.gradient(theta, x, target)
        meter.add(forward, target, theta)
        theta, rule_state = bound.chain.step(theta, gradient, rule_state, lr, t + step, (x, target))
    state.theta, state.rule_state = theta, rule_state
    return meter.means(bound.setup.backend)


def _descend_compiled(
    compiled: Pass,
    setup: Setup,
    state: StackState,
    order: np.ndarray,
    rates: np.ndarray,
    t: np.ndarray,
) -> dict[str, np.ndarray]:
    """Does what `_descend` does, where the backend has compiled all of it."""
    state.theta, blocks, sums = compiled(state.theta, flat(state.rule_state), order, rates, t)
    state.rule_state = nested(blocks, like=state.rule_state)
    return means(sums, setup.samples, setup.backend)


# --- after an epoch -------------------------------------------------------------------------------


def _validate(bound: BoundStack, theta: Array) -> dict[str, np.ndarray]:
    """The metrics of validation, (R,) each; none without a validation part."""
    part = bound.setup.data.part("validation")
    if not len(part):
        return {}
    values = bound.evaluate(theta, bound.objective, part)
    # Decisions made from NaN are no score: a run that has diverged must not look good
    diverged = ~np.isfinite(values["loss"])
    for name in metric_names(bound.setup.data.data.task):
        values[name] = np.where(diverged, np.nan, values[name])
    return {f"validation/{name}": value for name, value in values.items()}


def _observe(
    bound: BoundStack,
    state: StackState,
    judged: Array,
    metrics: dict[str, np.ndarray],
    rungs: Rungs,
) -> list[Status | None]:
    """Keeps the parameters of the runs whose epoch was their best. Returns how each run ends.

    Args:
        bound: The stack.
        state: Its state; the best epochs, histories and early stopping are brought up to date.
        judged: Parameters that were validated, (R, P).
        metrics: Metrics of the epoch.
        rungs: Scores for successive halving.
    """
    backend, configs = bound.setup.backend, bound.stack.configs
    total = backend.to_host(state.theta.sum(-1))  # not finite if any parameter is not
    finite = np.isfinite(metrics["train/loss"]) & np.isfinite(total)
    stop = dropped = np.zeros(len(configs), dtype=bool)
    if "validation/loss" in metrics:
        finite &= np.isfinite(metrics["validation/loss"])
        settings = configs[0].training.stopping
        watched = np.where(finite, metrics[f"validation/{settings.metric}"], np.nan)
        improved, stop = state.stopping.observe(state.epochs, watched)
        scores = -watched if settings.maximize else watched  # lower is better
        for history, score in zip(state.history, scores.tolist(), strict=True):
            history.append(score)
        restore = np.array([config.training.stopping.restore for config in configs])
        improved |= finite & (~restore | (state.best_epoch == 0))
        dropped = rungs.drop(
            [config.training.halving for config in configs],
            [run.rule for run in bound.stack.runs],
            state.epochs,
            scores,
        )
    else:
        improved = finite
    rows = backend.to_device(np.flatnonzero(improved))
    state.best[rows] = judged[rows]
    state.best_epoch = np.where(improved, state.epochs, state.best_epoch)
    last = np.array([config.training.max_epochs for config in configs]) <= state.epochs
    return endings(finite, last, stop, dropped)
