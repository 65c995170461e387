"""The examples are distributions of their own: where one is not installed, its tests are skipped."""

import os
from importlib.metadata import PackageNotFoundError, distribution

import pytest

# JAX reads this when it first computes. Most of the time here is compiling, which this halves.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")


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
