"""Compare optimizers and weight initializers on neural networks, honestly and fast.

This module is what a plugin imports: the contracts, `hookimpl` and the errors; and for backends
`update`, how rules are applied to θ, and `harness.inplace`, which runs them on host memory. It
imports no Hydra, MLflow or PyTorch.
"""

from harness import update
from harness.backends import Backend, Block, Pass, Program, Step, Updater
from harness.contracts import (
    CONTRACT_VERSION,
    AdaptiveSchedule,
    Array,
    AuxiliaryLoss,
    Batch,
    Data,
    DataDependentInitializer,
    Dataset,
    Forward,
    Horizon,
    Initializer,
    Layer,
    Loss,
    Optimizer,
    Schedule,
    Scope,
    State,
    Task,
    Turn,
    Wrapper,
    array_namespace,
)
from harness.errors import (
    ConfigurationError,
    DataError,
    HarnessError,
    MissingDependencyError,
    PluginError,
    TrackingError,
    unknown_name,
)
from harness.fields import (
    ADDED,
    check_choice,
    check_range,
    float_fields,
    kind_of,
    with_fields,
)
from harness.hookspecs import hookimpl
from harness.model.network import Network
from harness.model.objective import Objective
from harness.search_space import Range

__version__ = "0.1.0"

__all__ = [
    "ADDED",
    "CONTRACT_VERSION",
    "AdaptiveSchedule",
    "Array",
    "AuxiliaryLoss",
    "Backend",
    "Batch",
    "Block",
    "ConfigurationError",
    "Data",
    "DataDependentInitializer",
    "DataError",
    "Dataset",
    "Forward",
    "HarnessError",
    "Horizon",
    "Initializer",
    "Layer",
    "Loss",
    "MissingDependencyError",
    "Network",
    "Objective",
    "Optimizer",
    "Pass",
    "PluginError",
    "Program",
    "Range",
    "Schedule",
    "Scope",
    "State",
    "Step",
    "Task",
    "TrackingError",
    "Turn",
    "Updater",
    "Wrapper",
    "array_namespace",
    "check_choice",
    "check_range",
    "float_fields",
    "hookimpl",
    "kind_of",
    "unknown_name",
    "update",
    "with_fields",
]
