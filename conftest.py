"""Which modules pytest does not look into for doctests."""

from importlib.util import find_spec

collect_ignore = [
    "harness/tracking/writing/model_code.py"
]  # it runs inside MLflow, when a model is loaded
if find_spec("torch") is None:
    collect_ignore.append("plugins/harness_torch")
if find_spec("jax") is None:
    collect_ignore.append("examples/harness-jax")
