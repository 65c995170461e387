import pytest

from harness.contracts import Task
from harness.prediction.description import Description


def _describe(**changes):
    fields = {
        "sizes": (2, 3, 1),
        "activation": "tanh",
        "slope": 0.01,
        "bias": True,
        "task": Task.BINARY,
        "output_activation": "sigmoid",
        "classes": ("no", "yes"),
        "feature_names": ("length", "width"),
        "scaling": {
            "feature_shift": [1.0, 2.0],
            "feature_scale": [0.5, 4.0],
            "target_shift": [0.0],
            "target_scale": [1.0],
        },
        "backend": "numpy",
        "dtype": "float64",
    }
    return Description(**fields | changes)


@pytest.fixture(scope="session")
def describe():
    """Makes the description of a small network, with these fields changed."""
    return _describe
