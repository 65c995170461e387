"""Which modules pytest does not look into for doctests, and the order of the files."""

from collections import Counter
from importlib.util import find_spec

import pytest

collect_ignore = [
    "harness/tracking/writing/model_code.py"
]  # it runs inside MLflow, when a model is loaded
if find_spec("torch") is None:
    collect_ignore.append("plugins/harness_torch")
if find_spec("jax") is None:
    collect_ignore.append("examples/harness-jax")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with many slow tests come first, so that no worker has a long one left at the end."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])
