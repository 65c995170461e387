"""Whether the choices of a run fit one another, which no component can see alone."""

from __future__ import annotations

import numpy as np

from harness.configuration.settings import Run
from harness.contracts import AdaptiveSchedule, Layer
from harness.errors import ConfigurationError
from harness.evaluation.metrics import LOSS, metric_names
from harness.model.objective import DECAY
from harness.registry.registry import Registry

__all__ = ["check_run"]


def check_run(run: Run, registry: Registry) -> None:
    """Raises ConfigurationError if the choices of a run do not fit one another."""
    config, names = run.config, run.names
    task = config.dataset.task
    if task not in config.loss.tasks:
        losses = [n for n in registry.names("loss") if task in registry.component("loss", n).tasks]
        raise ConfigurationError(
            f"loss={names['loss']} does not fit dataset={names['dataset']}, whose task is {task}. "
            f"Use one of: auto, {', '.join(losses)}."
        )
    for name, auxiliary in run.auxiliary.items():
        if auxiliary.reads == "hidden" and not config.network.hidden:
            raise ConfigurationError(
                f"objective.auxiliary.{name} reads hidden activations, and network.hidden=[] has none."
            )
        if config.loss.output_activation not in auxiliary.output_activations:
            raise ConfigurationError(
                f"objective.auxiliary.{name} needs an output activation of "
                f"{', '.join(sorted(auxiliary.output_activations))}; loss={names['loss']} has "
                f"{config.loss.output_activation}. Set it to 0, or choose another loss."
            )
    stopping = config.training.stopping
    metrics = [LOSS.name, names["loss"], *run.auxiliary, *metric_names(task)]
    if config.objective.weight_decay:
        metrics.append(DECAY)
    if stopping.metric not in metrics:
        raise ConfigurationError(
            f"training.stopping.metric must be a logged validation metric: {', '.join(metrics)}. "
            f"Got {stopping.metric!r}."
        )
    if stopping.patience is not None and config.split.validation == 0:
        raise ConfigurationError(
            "Early stopping needs a validation part: set split.validation above 0, or "
            "training.stopping.patience=null to train without stopping."
        )
    if isinstance(config.schedule, AdaptiveSchedule) and config.split.validation == 0:
        raise ConfigurationError(
            f"schedule={names['schedule']} watches the validation metric: set split.validation above 0, "
            f"or choose a schedule that follows the steps alone, such as schedule=cosine."
        )
    if config.training.halving.factor is not None and config.split.validation == 0:
        raise ConfigurationError(
            "Successive halving compares runs on the validation part: set split.validation above 0, or "
            "training.halving.factor=null to drop no run."
        )
    # An initializer that has no meaning for biases raises here
    layer = Layer(index=0, depth=1, fan_in=1, fan_out=1, activation="identity")
    config.bias_initializer.sample((1,), layer, np.random.default_rng(0))
    config.backend.check()
    if hasattr(config.optimizer, "check"):
        # The data decide the first and the last width, and are not loaded yet
        config.optimizer.check(config.backend, config.network.sized(features=1, outputs=1))
