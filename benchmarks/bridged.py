"""Which classes of torch.optim and of pytorch_optimizer train, on the defaults of each.

    python benchmarks/bridged.py [torch|pytorch_optimizer NAME...]

Without arguments all classes of both libraries are tried, and docs/reference/libraries.md is written.
The task is the digits, 64-32-10, ten epochs in batches of 32, in float32 on a CPU: 340 steps from the
same weights on the same batches.
"""

from __future__ import annotations

import re
import sys
import time
import warnings
from functools import cache
from importlib.metadata import version
from pathlib import Path

from harness.configuration.settings import Config, ObjectiveSettings, Run, Training
from harness.data.on_device import DeviceData
from harness.data.preparing import Split, prepare
from harness.errors import HarnessError
from harness.evaluation.stopping import Stopping
from harness.model.mlp import Mlp
from harness.testing.fixtures.problem import NoAuxiliary
from harness.training.loop import train
from harness.training.records import Ended, Epoch
from harness_datasets import Digits
from harness_initializers import HeNormal, Zeros
from harness_losses import SoftmaxCrossEntropy
from harness_schedules import Constant
from harness_torch import PytorchOptimizer, Torch, TorchOptim

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "libraries.md"
BRIDGES = {"torch": TorchOptim, "pytorch_optimizer": PytorchOptimizer}
EPOCHS = 10
BACKEND = Torch(device="cpu")


def main(arguments: list[str]) -> None:
    warnings.simplefilter("ignore")
    data = digits()
    if arguments:
        library, *names = arguments
        for name in names or BRIDGES[library].library.classes():
            print(row(BRIDGES[library], name, data), flush=True)
        return
    sections = []
    for bridge in BRIDGES.values():
        rows = [row(bridge, name, data) for name in bridge.library.classes()]
        sections.append(section(bridge, rows))
        print(sections[-1], flush=True)
    PAGE.write_text("\n".join([HEAD, *sections]), encoding="utf-8")


HEAD = """\
# Optimizers of other libraries

What `optimizer.name` can be with `optimizer=torch` and with `optimizer=pytorch_optimizer`.
`python benchmarks/bridged.py` has written this page by running each class on its defaults: the digits,
64-32-10, ten epochs. A class trains if the loss ends below where it started (3.5), or if more than half
of the digits are right. That says nothing about which is better: no rate was tuned, and some defaults
are for other tasks.
[How to use them](../how-to/libraries.md).
"""


def digits() -> DeviceData:
    """The data on the device of the backend."""
    dataset = Digits()
    return DeviceData(BACKEND, prepare(dataset.load(), dataset.task, "softmax", Split()))


def section(bridge: type, rows: list[tuple[str, ...]]) -> str:
    """The table of a library."""
    package = bridge.library.needs[-1]
    count = sum(verdict == "trains" for _, verdict, *_ in rows)
    lines = [
        f"## {bridge.library.module} {version(package).partition('+')[0]}",
        "",
        f"{count} of {len(rows)} classes train on their defaults.",
        "",
        "| class | | default rate | validation loss | accuracy | why not |",
        "|---|---|---:|---:|---:|---|",
    ]
    lines += [f"| {' | '.join(cells)} |" for cells in rows]
    return "\n".join([*lines, ""])


def row(bridge: type, name: str, data: DeviceData) -> tuple[str, ...]:
    """The name, the verdict, and the figures that it rests on."""
    try:
        rule = bridge(name)
        rule.check(BACKEND, Mlp([32]).sized(1, 1))
    except HarnessError as error:
        return f"`{name}`", "no", "", "", "", reason(error)
    start = time.perf_counter()
    try:
        scores = trained(rule, data)
    except Exception as error:  # any error of a class is its result
        return f"`{name}`", "no", f"{rule.lr:g}", "", "", f"fails in training: {reason(error)}"
    finally:
        print(f"{rule.class_name}: {time.perf_counter() - start:.1f} s", file=sys.stderr)
    if scores is None:
        return f"`{name}`", "diverges", f"{rule.lr:g}", "", "", ""
    loss, accuracy = scores
    # The loss is also large if the network is mostly right, but too sure
    verdict = "trains" if loss < untrained(data) or accuracy > 0.5 else "gets worse"
    loss_text = f"{loss:.3f}" if loss < 1e6 else f"{loss:.0e}"
    return f"`{name}`", verdict, f"{rule.lr:g}", loss_text, f"{accuracy:.3f}", ""


@cache
def untrained(data: DeviceData) -> float:
    """The validation loss at the start."""
    scores = trained(TorchOptim("SGD", 1e-30), data, epochs=1)
    assert scores is not None
    return scores[0]


def reason(error: Exception) -> str:
    """The message in one line, without the name of the class, which stands beside it."""
    message = re.sub(r"^\S+ (cannot be used( here)?: )?", "", str(error))
    return " ".join(message.replace("|", "/").split())


def trained(rule: object, data: DeviceData, epochs: int = EPOCHS) -> tuple[float, float] | None:
    """The validation loss and accuracy at the end; None if it diverged."""
    config = Config(
        backend=BACKEND,
        dataset=Digits(),
        network=Mlp([32]),
        optimizer=rule,
        schedule=Constant(),
        initializer=HeNormal(),
        bias_initializer=Zeros(),
        loss=SoftmaxCrossEntropy(),
        objective=ObjectiveSettings(auxiliary=NoAuxiliary()),
        training=Training(max_epochs=epochs, stopping=Stopping(patience=None, restore=False)),
    )
    run = Run(config, {"loss": "softmax_cross_entropy", "optimizer": "bridged"}, {})
    epochs_seen = []
    for record in train([run], data):
        if isinstance(record, Epoch):
            epochs_seen.append(record.metrics)
        if isinstance(record, Ended) and record.status.value != "finished":
            return None
    return tuple(float(epochs_seen[-1][f"validation/{name}"][0]) for name in ("loss", "accuracy"))


if __name__ == "__main__":
    main(sys.argv[1:])
