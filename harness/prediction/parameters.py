"""The files of a trained network in its run's folder.

parameters.safetensors  the final parameters by name: layer1.weight, layer1.bias, …
description.json        everything needed to use them: network, task, classes, scaling

Both are read as untrusted input: nothing is pickled, and everything is checked.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import DataError
from harness.prediction.description import Description

__all__ = ["DESCRIPTION", "PARAMETERS", "load_parameters", "save_parameters"]

PARAMETERS = "parameters.safetensors"
DESCRIPTION = "description.json"

DTYPES = {"F32": "float32", "F64": "float64"}  # safetensors' names
SIZE_LIMIT = 64 * 2**20  # bytes of a description.json


def save_parameters(folder: Path, description: Description, theta: np.ndarray) -> None:
    """Writes the two files of a trained network.

    Args:
        folder: Folder that they go to.
        description: The description, which also decides the dtype of the file.
        theta: Parameters, (P,).
    """
    from safetensors.numpy import save

    theta = np.asarray(theta, description.dtype)
    tensors = {
        parameter.name: np.ascontiguousarray(parameter.view(theta[None])[0])
        for parameter in description.network.parameters
    }
    (folder / PARAMETERS).write_bytes(save(tensors))
    text = json.dumps(description.to_fields(), indent=2, ensure_ascii=False)
    (folder / DESCRIPTION).write_bytes(text.encode())


def load_parameters(folder: Path) -> tuple[Description, np.ndarray]:
    """Reads the files that `save_parameters` wrote.

    Returns:
        The description and θ, (P,).

    Raises:
        DataError: If a file is missing or damaged, or does not fit the other.
    """
    description = _load_description(folder / DESCRIPTION)
    return description, _load_theta(folder / PARAMETERS, description)


def _load_description(path: Path) -> Description:
    try:
        if path.stat().st_size > SIZE_LIMIT:
            raise DataError(
                f"{path} is larger than {SIZE_LIMIT} bytes: no description of a network."
            )
        fields: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"The description of a trained network cannot be read: {error}") from error
    try:
        return Description.from_fields(fields)
    except DataError as error:
        raise DataError(f"{path} does not describe a network: {error}") from error


def _load_theta(path: Path, description: Description) -> np.ndarray:
    from safetensors import SafetensorError, safe_open

    parameters = {parameter.name: parameter for parameter in description.network.parameters}
    try:
        with safe_open(path, framework="numpy") as file:
            names = set(file.keys())
            if names != parameters.keys():
                raise DataError(
                    f"{path} does not fit its description: it holds {_listing(names)}, but the "
                    f"network has {_listing(parameters)}."
                )
            for name, parameter in parameters.items():  # all shapes before anything is allocated
                tensor = file.get_slice(name)
                shape, dtype = tuple(tensor.get_shape()), DTYPES.get(tensor.get_dtype(), "other")
                if shape != parameter.shape or dtype != description.dtype:
                    raise DataError(
                        f"{path} does not fit its description: {name} is {dtype} of shape {shape}, "
                        f"but must be {description.dtype} of shape {parameter.shape}."
                    )
            theta = np.empty(description.network.size, description.dtype)
            for name, parameter in parameters.items():
                theta[parameter.start : parameter.stop] = file.get_tensor(name).ravel()
            return theta
    except (OSError, SafetensorError) as error:
        raise DataError(f"The parameters in {path} cannot be read: {error}") from error


def _listing(names: Any) -> str:
    shown = ", ".join(sorted(names)[:6])
    return f"{shown}, … ({len(names)} in all)" if len(names) > 6 else shown or "nothing"
