"""Everything needed to use a trained network: architecture, task and the scaling of its data."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass, field
from typing import Any, Self

import harness
from harness.contracts import Task
from harness.data.scaling import Scaling
from harness.errors import DataError
from harness.fields import ADDED, stated_fields
from harness.model.network import ACTIVATIONS, Network
from harness.prediction.input_columns import InputColumns

__all__ = ["FORMAT", "Description"]

FORMAT = 1  # raised when code that reads the former one would go wrong

OUTPUT_ACTIVATIONS = ("softmax", "sigmoid", "identity")


@dataclass(frozen=True)
class Description:
    """The content of `description.json`, all of it plain data.

    Attributes:
        sizes: Number of features, of units in each hidden layer and of outputs.
        activation: Name of the activation of the hidden layers.
        slope: ε of leaky_relu, max(a, εa).
        bias: Whether layers have biases.
        task: Task of the dataset.
        output_activation: softmax, sigmoid or identity.
        classes: Names of classes or labels; empty for regression.
        feature_names: Name of each feature, in the order of the dataset.
        scaling: Scaling of the data, as `Scaling.to_dict` gives it.
        backend: Name of the backend that trained the network.
        dtype: Precision of the parameters: float32 or float64.
        harness_version: Version of harness that wrote the description.
        format: Version of these fields.
        categories: Levels of each categorical feature, by its name; in its place the network has an
            input for each of them.
    """

    sizes: tuple[int, ...]
    activation: str
    slope: float
    bias: bool
    task: Task
    output_activation: str
    classes: tuple[str, ...]
    feature_names: tuple[str, ...]
    scaling: dict[str, list[float]]
    backend: str
    dtype: str
    harness_version: str = harness.__version__
    format: int = FORMAT
    categories: dict[str, tuple[str, ...]] = field(default_factory=dict, metadata=ADDED)

    def to_fields(self) -> dict[str, Any]:
        """The content of the file, with lists for tuples; without categories where there are none."""
        return json.loads(json.dumps(stated_fields(self)))

    @property
    def inputs(self) -> InputColumns:
        """The columns of features in the order of the dataset, and those of the network."""
        return InputColumns(self.feature_names, self.categories)

    @property
    def network(self) -> Network:
        """The architecture."""
        return Network(self.sizes, self.activation, self.slope, self.bias)

    @classmethod
    def from_fields(cls, fields: Any) -> Self:
        """From the fields of a file, which are checked. Raises DataError for the first wrong one."""
        _require(isinstance(fields, dict), "it is not a JSON object")
        if fields.get("format") != FORMAT:
            raise DataError(
                f"its format is {fields.get('format')!r}, but this version of harness reads "
                f"{FORMAT}"
            )
        names = {field.name for field in dataclasses.fields(cls)}
        fields = {"categories": {}} | fields  # which files without categorical features have not
        differing = names.symmetric_difference(fields)
        _require(
            not differing,
            f"its keys must be {', '.join(sorted(names))}. Missing or unknown: {sorted(differing)}",
        )
        checked = dict(fields)
        for name in ("sizes", "classes", "feature_names"):
            _require(isinstance(fields[name], list), f"{name!r} must be a list")
            checked[name] = tuple(fields[name])
        _require(
            len(checked["sizes"]) > 1
            and all(type(size) is int and size > 0 for size in checked["sizes"]),
            f"'sizes' must be two or more positive whole numbers. Got {fields['sizes']!r}",
        )
        _check_choice(fields, "activation", ACTIVATIONS)
        _check_choice(fields, "task", [task.value for task in Task])
        _check_choice(fields, "output_activation", OUTPUT_ACTIVATIONS)
        _check_choice(fields, "dtype", ("float32", "float64"))
        _require(_is_number(fields["slope"]), "'slope' must be a finite number")
        _require(type(fields["bias"]) is bool, "'bias' must be true or false")
        for name in ("backend", "harness_version"):
            _require(isinstance(fields[name], str), f"{name!r} must be text")
        _require(
            isinstance(fields["categories"], dict)
            and all(isinstance(levels, list) for levels in fields["categories"].values()),
            "'categories' must be lists of levels by feature",
        )
        checked["categories"] = {name: tuple(v) for name, v in fields["categories"].items()}
        description = cls(**checked | {"task": Task(fields["task"])})
        description._check_columns()
        return description

    def _check_columns(self) -> None:
        features, outputs = self.sizes[0], self.sizes[-1]
        for name in ("classes", "feature_names"):
            texts = getattr(self, name)
            _require(all(isinstance(text, str) for text in texts), f"{name!r} must be texts")
        for name, levels in self.categories.items():
            _require(name in self.feature_names, f"{name!r} of 'categories' must be a feature")
            texts = all(isinstance(level, str) for level in levels)
            _require(
                texts and 0 < len(levels) == len(set(levels)),
                f"the levels of {name!r} must be different texts, at least one",
            )
        _require(
            len(set(self.feature_names)) == len(self.feature_names) or not self.categories,
            "'feature_names' must be different",
        )
        _require(self.inputs.width == features, f"'feature_names' must name {features} features")
        columns = {
            "feature_shift": features,
            "feature_scale": features,
            "target_shift": outputs,
            "target_scale": outputs,
        }
        _require(
            isinstance(self.scaling, dict) and self.scaling.keys() == columns.keys(),
            f"'scaling' must have {', '.join(columns)}",
        )
        for name, length in columns.items():
            values = self.scaling[name]
            _require(
                isinstance(values, list) and len(values) == length and all(map(_is_number, values)),
                f"{name!r} must be {length} finite numbers",
            )
        self._check_head()

    def _check_head(self) -> None:
        """Task, output activation, classes and the number of outputs have to fit."""
        outputs, classes = self.sizes[-1], len(self.classes)
        head = (self.task, self.output_activation)
        fits = {
            (Task.BINARY, "sigmoid"): outputs == 1 and classes == 2,
            (Task.BINARY, "softmax"): outputs == classes == 2,
            (Task.MULTICLASS, "softmax"): outputs == classes,
            (Task.MULTILABEL, "sigmoid"): classes in (0, outputs),
            (Task.REGRESSION, "identity"): classes == 0,
        }
        _require(
            fits.get(head, False),
            f"a {self.task.value} task does not go with {self.output_activation}, {outputs} outputs "
            f"and {classes} classes",
        )

    @property
    def scales(self) -> Scaling:
        """The maps to and from the units of the network."""
        return Scaling.from_dict(self.scaling)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _check_choice(fields: dict[str, Any], name: str, allowed: Any) -> None:
    _require(
        fields[name] in list(allowed),
        f"{name!r} must be one of {', '.join(allowed)}. Got {fields[name]!r}",
    )


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise DataError(message)
