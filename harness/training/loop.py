"""The training loop, as a generator: who consumes its records logs, draws, saves.

    for each epoch:
        for each batch, in the order of the run:
            forward, gradient, update          θ ← rule(θ, ∇ℒ, η(t))
        validate
        decide which runs stop, and which of those that wait take their places

All runs of a stack take each step together, each in an epoch of its own. A run that stops or diverges
leaves; the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from time import perf_counter

import numpy as np

from harness.backends import Backend, Pass, Program, Step
from harness.configuration.settings import Run
from harness.contracts import Array
from harness.data.on_device import DeviceData
from harness.data.preparing import Prepared
from harness.errors import DataError
from harness.evaluation.diagnostics import UnitMeter
from harness.evaluation.evaluator import Evaluator, TermMeter, means
from harness.evaluation.halving import Rungs
from harness.evaluation.metrics import metric_names
from harness.evaluation.stopping import EarlyStopping
from harness.model.network import Network
from harness.model.objective import Objective
from harness.training.contract_check import ContractCheck
from harness.training.records import Began, Ended, Epoch, Record, Status
from harness.training.run_queue import RunQueue
from harness.training.stack import Stack
from harness.training.state import StackState
from harness.update.chain import Chain

__all__ = ["batch_size_of", "network_of", "train"]


def network_of(run: Run, data: Prepared) -> Network:
    """The network that a run trains on these data."""
    network: Network = run.config.network.sized(data.features, data.outputs)
    return network


def batch_size_of(run: Run, data: Prepared) -> int:
    """The samples of a step; "full" stands for all."""
    size, samples = run.config.training.batch_size, len(data.train)
    return samples if isinstance(size, str) else min(size, samples)


def train(
    runs: Sequence[Run],
    data: DeviceData,
    take: Callable[[int], list[int]] | None = None,
    stack_size: int | None = None,
    rungs: Rungs | None = None,
) -> Iterator[Record]:
    """Trains runs that share every shape as one stack, and yields what happens, epoch by epoch.

    take: gives the positions in `runs` of the next ones to train, so many at most; by default all are
    trained. stack_size: the most runs in training at a time, by default all; the place of a run that is
    over goes to the next one. rungs: for successive halving, shared with other stacks of the same
    runs. Positions in the records are those in `runs`. A run's numbers do not depend on its company.
    """
    take = RunQueue(range(len(runs))).pop if take is None else take
    stack_size = len(runs) if stack_size is None else stack_size
    training = _Training(runs, data, rungs or Rungs(), rounds=-(-len(runs) // stack_size))
    staying = np.empty(0, dtype=int)
    # Overflow is how divergence looks; it is looked for once an epoch and needs no warnings.
    with np.errstate(all="ignore"):
        while True:
            new = take(stack_size - len(staying))
            if new:
                theta = training.initial_theta(new)
                yield Began(tuple(new), theta)
                training.change(staying, new, theta)
            elif staying.size:
                training.change(staying, new, None)
            else:
                return
            yield training.epoch()
            staying = yield from training.leave()


class _Training:
    """A stack in training, and what is bound to the runs that are in it."""

    _stack: Stack
    _objective: Objective
    _program: Program
    _chain: Chain
    _pass: Pass | None
    _evaluate: Evaluator
    _judged: Array  # (R, P) after the last epoch: θ, or where the rules say that it is to be judged

    def __init__(self, runs: Sequence[Run], data: DeviceData, rungs: Rungs, rounds: int) -> None:
        config = runs[0].config
        self._runs = runs
        self._rounds = rounds  # of runs, at most, that take the places one after another
        self._data = data
        self._rungs = rungs
        self._backend: Backend = data.backend
        self._network = network_of(runs[0], data.data)
        self._train = data.part("train")
        self._batch_size = batch_size_of(runs[0], data.data)
        most = config.training.steps_per_epoch
        rows = len(self._train)
        self._samples = rows if most is None else min(rows, most * self._batch_size)  # an epoch
        self._steps = -(-self._samples // self._batch_size)
        if config.training.stopping.metric == "r2" and len(data.data.validation) == 1:
            raise DataError(
                "R² of one validation row is undefined: use a larger split.validation, or "
                "training.stopping.metric=loss."
            )
        self._conduct = ContractCheck(self._backend, self._network)
        self._rows: StackState | None = None
        self._metrics: dict[str, np.ndarray] = {}

    # --- who is in the stack ----------------------------------------------------------------------

    def initial_theta(self, positions: Sequence[int]) -> np.ndarray:
        """Where these runs start, (R, P) float64. Raises BrokenPromise, see `conduct.py`."""
        for position in positions:
            self._conduct.check(self._runs[position])
        stack = Stack(tuple(self._runs[p] for p in positions))
        return stack.initial_theta(self._network, self._data.data.train.features)

    def change(self, staying: np.ndarray, new: Sequence[int], theta: np.ndarray | None) -> None:
        """Goes on with the rows `staying` and with new runs, which start from θ."""
        rows = self._rows
        if rows is not None and len(staying) == len(rows.runs) and not new:
            return
        place = self._backend.to_device
        kept = rows.select(staying, place) if rows is not None and staying.size else None
        if theta is not None:
            added = self._begin(np.array(new), theta)
            kept = added if kept is None else kept.concat(added, place)
        assert kept is not None
        self._rows = kept
        self._bind(Stack(tuple(self._runs[position] for position in kept.runs)))

    def _begin(self, positions: np.ndarray, theta: np.ndarray) -> StackState:
        """Rows at the start of their training."""
        keys = Stack(tuple(self._runs[p] for p in positions)).keys
        order = np.array(sorted(range(len(keys)), key=keys.__getitem__))
        stack = Stack(tuple(self._runs[p] for p in positions[order]))
        place = self._backend.to_device
        placed = place(theta[order])
        return StackState(
            rules=stack.keys,
            runs=positions[order],
            epochs=np.zeros(len(order), dtype=int),
            theta=placed,
            best=place(theta[order]),
            best_epoch=np.zeros(len(order), dtype=int),
            extra_gradients=np.zeros(len(order), dtype=int),
            history=[[] for _ in order],
            stopping=EarlyStopping.start([c.training.stopping for c in stack.configs]),
            state=self._chained(stack).init(placed),
        )

    def _bind(self, stack: Stack) -> None:
        """Makes what depends on which runs there are."""
        backend, rows = self._backend, self._rows
        assert rows is not None
        self._stack = stack
        self._objective = stack.objective.map_factors(backend.to_device)
        self._program = backend.bind(self._network, stack.objective)
        self._chain = self._chained(stack)
        widths = sum(self._network.sizes)
        self._evaluate = Evaluator(backend, self._program, self._data.data.task, widths)
        ahead = max(
            c.training.max_epochs - e for c, e in zip(stack.configs, rows.epochs, strict=True)
        )
        self._pass = None
        if self._chain.can_be_compiled:
            self._pass = backend.compiled(
                Step(self._network, stack.objective, stack.blocks, self._batch_size),
                self._train.features,
                self._train.targets,
                ahead * self._steps * self._rounds,
            )

    def _chained(self, stack: Stack) -> Chain:
        seeds = [config.seed for config in stack.configs]
        return Chain(stack.chains, self._backend, self._network, stack.objective, seeds)

    # --- an epoch ---------------------------------------------------------------------------------

    def epoch(self) -> Epoch:
        """One pass over the training part, then validation."""
        rows = self._rows
        assert rows is not None
        rows.epochs += 1
        rates = self._stack.rates(rows.epochs, self._steps, self._batch_size, rows.history)
        start, before = perf_counter(), self._chain.extra_gradients(len(rows.runs))
        terms = self._descend(rows, rates)
        seconds = perf_counter() - start
        rows.extra_gradients += self._chain.extra_gradients(len(rows.runs)) - before

        metrics = {f"train/{name}": values for name, values in terms.items()}
        metrics["train/lr"] = rates[-1]
        metrics["train/epoch_seconds"] = np.full(len(rows.runs), seconds)
        metrics["train/steps"] = rows.epochs * self._steps
        metrics["train/samples"] = rows.epochs * self._samples
        metrics["train/gradients"] = rows.epochs * self._steps + rows.extra_gradients
        self._judged = self._chain.evaluated(rows.theta, rows.state)
        validation = self._data.part("validation")
        if len(validation):
            found = self._evaluate(self._judged, self._objective, validation)
            # Decisions made from NaN are no score: a run that has diverged must not look good
            lost = ~np.isfinite(found["loss"])
            for name in metric_names(self._data.data.task):
                found[name] = np.where(lost, np.nan, found[name])
            metrics |= {f"validation/{name}": values for name, values in found.items()}
        self._metrics = metrics
        return Epoch(tuple(rows.runs.tolist()), tuple(rows.epochs.tolist()), metrics)

    def _descend(self, rows: StackState, rates: np.ndarray) -> dict[str, np.ndarray]:
        """The inner loop: draw a batch, forward, gradient, update. Returns the means of the terms."""
        order = self._stack.order(rows.epochs, len(self._train))[..., : self._samples]
        t = (rows.epochs[:, None] - 1.0) * self._steps + 1.0
        if self._pass is not None:
            flat = [state for chain in rows.state for (state,) in chain]
            rows.theta, flat, sums = self._pass(rows.theta, flat, order, rates, t)
            rest = iter(flat)
            rows.state = [[[next(rest)] for _ in chain] for chain in rows.state]
            return means(sums, self._samples, self._backend)
        order = self._backend.to_device(order)
        meter = TermMeter(self._objective)
        features, targets = self._train.features, self._train.targets
        theta, state = rows.theta, rows.state
        for step, lr in enumerate(rates[:, :, None]):
            drawn = order[..., step * self._batch_size : (step + 1) * self._batch_size]
            x, target = features[drawn], targets[drawn]
            forward, gradient = self._program.gradient(theta, x, target)
            meter.add(forward, target, theta)
            theta, state = self._chain.step(theta, gradient, state, lr, t + step, (x, target))
        rows.theta, rows.state = theta, state
        return meter.means(self._backend)

    # --- who leaves -------------------------------------------------------------------------------

    def leave(self) -> Generator[Ended, None, np.ndarray]:
        """Keeps the best parameters, and ends the runs that are over. Returns the rows that stay."""
        rows, metrics, configs = self._rows, self._metrics, self._stack.configs
        assert rows is not None
        finite = np.isfinite(metrics["train/loss"]) & self._finite_parameters(rows)
        stop = dropped = np.zeros(len(configs), dtype=bool)
        if "validation/loss" in metrics:
            finite &= np.isfinite(metrics["validation/loss"])
            settings = configs[0].training.stopping
            watched = np.where(finite, metrics[f"validation/{settings.metric}"], np.nan)
            improved, stop = rows.stopping.observe(rows.epochs, watched)
            lower_is_better = -watched if settings.maximize else watched
            for values, value in zip(rows.history, lower_is_better.tolist(), strict=True):
                values.append(value)
            restore = np.array([config.training.stopping.restore for config in configs])
            improved |= finite & (~restore | (rows.best_epoch == 0))
            dropped = self._rungs.drop(
                [config.training.halving for config in configs],
                [run.rule for run in self._stack.runs],
                rows.epochs,
                lower_is_better,
            )
        else:
            improved = finite
        chosen = self._backend.to_device(np.flatnonzero(improved))
        rows.best[chosen] = self._judged[chosen]
        rows.best_epoch = np.where(improved, rows.epochs, rows.best_epoch)

        last = np.array([c.training.max_epochs for c in configs]) <= rows.epochs
        yield from self._diverged(rows, np.flatnonzero(~finite))
        for status, over in (
            (Status.FINISHED, last),
            (Status.STOPPED_EARLY, stop & ~last),
            (Status.DROPPED, dropped & ~stop & ~last),
        ):
            yield from self._ended(rows, np.flatnonzero(over & finite), status)
        return np.flatnonzero(finite & ~(last | stop | dropped))

    def _finite_parameters(self, rows: StackState) -> np.ndarray:
        total = self._backend.to_host(rows.theta.sum(-1))  # not finite if any parameter is not
        return np.isfinite(total)

    def _diverged(self, rows: StackState, over: np.ndarray) -> Iterator[Ended]:
        """The runs in the rows `over` end without a score, with the last parameters that were good."""
        if not over.size:
            return
        theta = self._backend.to_host(rows.best[self._backend.to_device(over)])
        for place, row in enumerate(over):
            run, epochs, best = (
                int(rows.runs[row]),
                int(rows.epochs[row]),
                int(rows.best_epoch[row]),
            )
            yield Ended(run, Status.DIVERGED, epochs, best, theta[place])

    def _ended(self, rows: StackState, over: np.ndarray, status: Status) -> Iterator[Ended]:
        """Evaluates the restored parameters of the rows `over`; the test part only here, and only of
        runs that have had their time and are to be judged by it."""
        if not over.size:
            return
        theta = rows.best[self._backend.to_device(over)]
        objective = self._stack.objective.rows(over).map_factors(self._backend.to_device)
        found: dict[str, np.ndarray] = {}
        parts = {"best/train": "train", "best/validation": "validation"}
        if status is not Status.DROPPED and self._stack.shared.config.training.test:
            parts["test"] = "test"
        for prefix, name in parts.items():
            part = self._data.part(name)
            if len(part):
                units = UnitMeter(self._network.activation) if name == "train" else None
                values = self._evaluate(theta, objective, part, units)
                found |= {f"{prefix}/{metric}": value for metric, value in values.items()}
                if units is not None:
                    found |= {f"best/{n}": v for n, v in units.shares(self._backend).items()}
        parameters = self._backend.to_host(theta)
        for place, row in enumerate(over):
            best_epoch = int(rows.best_epoch[row])
            metrics = {name: float(values[place]) for name, values in found.items()}
            metrics["best/epoch"] = float(best_epoch)
            yield Ended(
                int(rows.runs[row]),
                status,
                int(rows.epochs[row]),
                best_epoch,
                parameters[place],
                metrics,
            )
