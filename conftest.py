"""Which modules pytest does not look into for doctests, and the order of the files."""

from collections import defaultdict
from importlib.util import find_spec
from pathlib import Path

import pytest

collect_ignore = [
    "harness/tracking/writing/model_code.py"
]  # it runs inside MLflow, when a model is loaded
if find_spec("torch") is None:
    collect_ignore.append("plugins/harness_torch")
if find_spec("jax") is None:
    collect_ignore.append("examples/harness-jax")


@pytest.hookimpl(trylast=True)  # what is deselected takes no time
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files come first, so that no worker has one left at the end."""
    seconds: dict[Path, float] = defaultdict(float)
    for item in items:
        seconds[item.path] += 4.0 if item.get_closest_marker("slow") else 0.04  # on average
    items.sort(key=lambda item: -seconds[item.path])
