"""The training loop, as a generator: who consumes its records logs, draws, saves.

    for each epoch:
        for each batch, in the order of the run:
            forward, gradient, update          θ ← rule(θ, ∇ℒ, η(t))
        validate
        decide which runs stop

All runs of a stack take each step together. A run that stops or diverges leaves; the others go on.
"""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter

import numpy as np

from harness.contracts import Backend
from harness.data import Prepared
from harness.errors import DataError
from harness.evaluation import Evaluator, TermMeter
from harness.metrics import metric_names
from harness.network import Network
from harness.records import Ended, Epoch, Record, Status
from harness.stack import Stack
from harness.stopping import EarlyStopping
from harness.update import clip_gradient, keep

__all__ = ["network_of", "train"]


def network_of(stack: Stack, data: Prepared) -> Network:
    """The network that the runs of a stack train on these data."""
    network: Network = stack.shared.config.network.sized(data.features, data.outputs)
    return network


def train(stack: Stack, data: Prepared, theta: np.ndarray) -> Iterator[Record]:
    """Trains the runs of a stack from θ, (R, P), and yields what happens, epoch by epoch.

    Positions in the records are those in `stack`. A run's numbers do not depend on the other runs.
    """
    training = _Training(stack, data, theta)
    epoch = 0
    # Overflow is how divergence looks; it is looked for once an epoch and needs no warnings.
    with np.errstate(all="ignore"):
        while training.live.size:
            epoch += 1
            metrics = training.epoch(epoch)
            yield Epoch(epoch, tuple(training.live.tolist()), metrics)
            yield from training.leave(epoch, metrics)


class _Training:
    """The state of a stack in training: θ, the optimizer's state, the best parameters so far."""

    def __init__(self, stack: Stack, data: Prepared, theta: np.ndarray) -> None:
        config = stack.shared.config
        self._data = data
        self._backend: Backend = config.backend
        self._network = network_of(stack, data)
        self._samples = len(data.train)
        size = config.training.batch_size  # a number or "full"
        self._batch_size = self._samples if isinstance(size, str) else min(size, self._samples)
        self._steps = -(-self._samples // self._batch_size)
        if config.training.stopping.metric == "r2" and len(data.validation) == 1:
            raise DataError(
                "R² of one validation row is undefined: use a larger split.validation, or "
                "training.stopping.metric=loss."
            )
        self._features = self._backend.place(data.train.features)
        self._targets = self._backend.place(data.train.targets)
        self._theta = self._backend.place(theta)
        self._best = self._backend.place(theta)
        self._stopping = EarlyStopping.start([c.training.stopping for c in stack.configs])
        self.live = np.arange(len(stack.runs))
        self._best_epoch = np.zeros(len(stack.runs), dtype=int)
        self._bind(stack)
        self._state = self._update.init(self._theta)
        widths = sum(self._network.sizes)
        self._evaluate = Evaluator(self._backend, self._program, data.task, widths)

    def _bind(self, stack: Stack) -> None:
        """Makes what depends on which runs there are."""
        backend = self._backend
        self._stack = stack
        self._objective = stack.objective.placed(backend.place)
        self._program = backend.bind(self._network, stack.objective)
        self._update = backend.updater(stack.blocks, self._network)
        self._clip = None if stack.clip_norm is None else backend.place(stack.clip_norm)

    def epoch(self, number: int) -> dict[str, np.ndarray]:
        """One pass over the training part, then validation. Returns (R,) values by metric."""
        rates = self._stack.rates(number, self._steps, self._batch_size)
        meter = TermMeter(self._objective)
        start = perf_counter()
        self._pass(number, rates, meter)
        terms = meter.means(self._backend)
        seconds = perf_counter() - start

        metrics = {f"train/{name}": values for name, values in terms.items()}
        everyone = np.ones(len(self.live))
        metrics["train/lr"] = rates[-1]
        metrics["train/epoch_seconds"] = seconds * everyone
        metrics["train/steps"] = number * self._steps * everyone
        metrics["train/samples"] = number * self._samples * everyone
        if len(self._data.validation):
            found = self._evaluate(self._theta, self._objective, self._data.validation)
            # Decisions made from NaN are no score: a run that has diverged must not look good
            lost = ~np.isfinite(found["loss"])
            for name in metric_names(self._data.task):
                found[name] = np.where(lost, np.nan, found[name])
            metrics |= {f"validation/{name}": values for name, values in found.items()}
        return metrics

    def _pass(self, epoch: int, rates: np.ndarray, meter: TermMeter) -> None:
        """The inner loop: draw a batch, forward, gradient, update."""
        order = self._backend.place(self._stack.order(epoch, self._samples))
        theta, state = self._theta, self._state
        lr = list(rates[:, :, None])  # (R, 1) a step
        t = (epoch - 1) * self._steps
        for step in range(self._steps):
            rows = order[..., step * self._batch_size : (step + 1) * self._batch_size]
            x, target = self._features[rows], self._targets[rows]
            forward, gradient = self._program.gradient(theta, x, target)
            meter.add(forward, target, theta)
            if self._clip is not None:
                gradient = clip_gradient(gradient, self._clip)
            t += 1
            theta, state = self._update(theta, gradient, state, lr[step], t)
        self._theta, self._state = theta, state

    def leave(self, epoch: int, metrics: dict[str, np.ndarray]) -> Iterator[Ended]:
        """Keeps the best parameters, and lets the runs go that are over."""
        configs = self._stack.configs
        finite = np.isfinite(metrics["train/loss"]) & self._finite_parameters()
        stop = np.zeros(len(configs), dtype=bool)
        if len(self._data.validation):
            finite &= np.isfinite(metrics["validation/loss"])
            watched = metrics[f"validation/{configs[0].training.stopping.metric}"]
            improved, stop = self._stopping.observe(epoch, np.where(finite, watched, np.nan))
            restore = np.array([config.training.stopping.restore for config in configs])
            improved |= finite & (~restore | (self._best_epoch == 0))
        else:
            improved = finite
        chosen = self._backend.place(np.flatnonzero(improved))
        self._best[chosen] = self._theta[chosen]
        self._best_epoch = np.where(improved, epoch, self._best_epoch)

        last = np.array([epoch >= config.training.max_epochs for config in configs])
        over = ~finite | stop | last
        if not over.any():
            return
        yield from self._diverged(np.flatnonzero(~finite), epoch)
        yield from self._ended(np.flatnonzero(over & finite), epoch, stop & ~last)
        self._keep(np.flatnonzero(~over))

    def _finite_parameters(self) -> np.ndarray:
        total = self._backend.fetch(self._theta.sum(-1))  # not finite if any parameter is not
        return np.isfinite(total)

    def _diverged(self, rows: np.ndarray, epoch: int) -> Iterator[Ended]:
        """The runs in `rows` end without a score, with the last parameters that were good."""
        theta = self._backend.fetch(self._best)
        for row in rows:
            run, best_epoch = int(self.live[row]), int(self._best_epoch[row])
            yield Ended(run, Status.DIVERGED, epoch, best_epoch, theta[row])

    def _ended(self, rows: np.ndarray, epoch: int, stopped: np.ndarray) -> Iterator[Ended]:
        """Evaluates the restored parameters of the runs in `rows`; the test part only here."""
        if not rows.size:
            return
        theta = self._best[self._backend.place(rows)]
        objective = self._stack.objective.rows(rows).placed(self._backend.place)
        found: dict[str, np.ndarray] = {}
        for prefix, part in (
            ("best/train", self._data.train),
            ("best/validation", self._data.validation),
            ("test", self._data.test),
        ):
            if len(part):
                values = self._evaluate(theta, objective, part)
                found |= {f"{prefix}/{name}": value for name, value in values.items()}
        parameters = self._backend.fetch(theta)
        for position, row in enumerate(rows):
            best_epoch = int(self._best_epoch[row])
            metrics = {name: float(values[position]) for name, values in found.items()}
            metrics["best/epoch"] = float(best_epoch)
            status = Status.STOPPED_EARLY if stopped[row] else Status.FINISHED
            run = int(self.live[row])
            yield Ended(run, status, epoch, best_epoch, parameters[position], metrics)

    def _keep(self, rows: np.ndarray) -> None:
        """Goes on with some of the runs."""
        if not rows.size:
            self.live = self.live[rows]
            return
        on_device = self._backend.place(rows)
        blocks = self._stack.blocks
        self._theta, self._best = self._theta[on_device], self._best[on_device]
        self._state = [
            keep(state, self._backend.place(own))
            for block, state in zip(blocks, self._state, strict=True)
            if (
                own := rows[(rows >= block.rows.start) & (rows < block.rows.stop)]
                - block.rows.start
            ).size
        ]
        self._stopping = self._stopping.keep(rows)
        self._best_epoch = self._best_epoch[rows]
        self.live = self.live[rows]
        self._bind(self._stack.part(rows))
