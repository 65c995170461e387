"""The examples are distributions of their own: where one is not installed, its tests are skipped."""

import os
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec

import pytest

# Read when JAX first computes. Most of the time here is compiling, which this halves.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")


def pytest_ignore_collect(collection_path):
    if collection_path.name == "test_example_jax.py" and find_spec("harness_jax") is None:
        return True
    return None


@pytest.fixture(scope="session")
def needs():
    """Skips where an example, or a library that it needs, is not installed."""

    def check(*names):
        for name in names:
            try:
                distribution(name)
            except PackageNotFoundError:
                pytest.skip(f"{name} is not installed: `make test` installs it")

    return check
