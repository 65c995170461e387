"""Everything that is installed, checked against the requirements that third-party plugins must meet."""

from __future__ import annotations

import gzip
import struct
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.contracts import Scope, Turn
from harness.registry.registry import Registry, load_registry
from harness.testing.pytest_adapter import requirement_tests
from harness.testing.requirements.optimizer_training import trains_alike_on_every_backend
from harness.testing.selection import all_subjects, subjects_of_plugins
from harness.testing.subject import Subject
from harness.testing.suite import REQUIREMENTS
from harness_datasets import Mnist, Table


def _table(folder: Path) -> Table:
    """A CSV file of two features and three classes."""
    rng = np.random.default_rng(0)
    rows = [f"{x:.6f},{y:.6f},{'abc'[n % 3]}" for n, (x, y) in enumerate(rng.normal(size=(60, 2)))]
    path = folder / "table.csv"
    path.write_text("\n".join(["x,y,kind", *rows]) + "\n", encoding="utf-8")
    return Table(str(path), "kind")


def _mnist(folder: Path) -> Mnist:
    """Four IDX files with random images: 100 for training, 30 for the official test."""
    rng = np.random.default_rng(0)
    for part, count in (("train", 100), ("t10k", 30)):
        images = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = (np.arange(count) % 10).astype(np.uint8)
        for name, array in (("images-idx3", images), ("labels-idx1", labels)):
            head = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
            with gzip.open(folder / f"{part}-{name}-ubyte.gz", "wb") as file:
                file.write(head + array.tobytes())
    return Mnist(str(folder), download=False)


_FOLDER = tempfile.TemporaryDirectory()  # there are no fixtures while tests are collected

EXAMPLES = {"table": _table(Path(_FOLDER.name)), "mnist": _mnist(Path(_FOLDER.name))}

# XLA compiles each rule for seconds, for every precision and number of runs. So on JAX, update rules
# are checked for one requirement only; its stacks are checked with the backend itself.
INSTALLED = load_registry()
WITHOUT_JAX = Registry([p for p in INSTALLED.plugins if p.module != "harness_jax"])
ALL = [
    *subjects_of_plugins(WITHOUT_JAX, (), EXAMPLES),
    *(subject for subject in all_subjects(INSTALLED) if subject.name == "jax"),
]

test_requirements = requirement_tests(
    (subject, requirement) for subject in ALL for requirement in REQUIREMENTS[subject.kind]
)


def _family(subject: Subject) -> tuple[object, ...]:
    """What a backend may tell update rules apart by: kind, scope, turn and optional methods."""
    component: Any = subject.component
    methods = {name for name in dir(component) if not name.startswith("_")} - {"init", "step"}
    optional = sorted(name for name in methods if callable(getattr(component, name)))
    return subject.kind, component.scope, getattr(component, "turn", None), *optional


UPDATE_RULES = [
    subject
    for subject in all_subjects(
        Registry([p for p in INSTALLED.plugins if p.module != "harness_torch"])
    )
    if subject.kind in ("optimizer", "wrapper")
]
# `make test` checks one of each family, and those with operations that no other has: eigenvalues, random
# signs. A new family is checked without being named here.
REPRESENTATIVE = list(
    ({_family(subject): subject for subject in reversed(UPDATE_RULES)}).values()
) + [subject for subject in UPDATE_RULES if subject.name in ("shampoo", "sophia")]

test_update_rules_on_jax = pytest.mark.slow(
    requirement_tests((subject, trains_alike_on_every_backend) for subject in REPRESENTATIVE)
)
test_all_other_update_rules_on_jax = pytest.mark.full(
    requirement_tests(
        (subject, trains_alike_on_every_backend)
        for subject in UPDATE_RULES
        if subject not in REPRESENTATIVE
    )
)


def test_every_update_rule_is_checked_on_jax_and_every_scope_and_turn_in_each_run():
    names = {
        (kind, name) for kind in ("optimizer", "wrapper") for name in INSTALLED.names(kind)
    } - {("optimizer", "torch"), ("optimizer", "pytorch_optimizer")}  # Scope.BACKEND: PyTorch alone
    tests = (test_update_rules_on_jax, test_all_other_update_rules_on_jax)
    checked = [subject for test in tests for subject in _subjects(test)]
    assert len(checked) == len(names)
    assert {(subject.kind, subject.name) for subject in checked} == names

    components: list[Any] = [subject.component for subject in _subjects(test_update_rules_on_jax)]
    assert {component.scope for component in components} == set(Scope) - {Scope.BACKEND}
    assert {getattr(component, "turn", None) for component in components} == {None, *Turn}
    assert any(hasattr(component, "evaluated") for component in components)
    assert any(hasattr(component, "for_parameter") for component in components)


def _subjects(test: Any) -> list[Subject]:
    """The components that a test of requirements is parametrized with."""
    (cases,) = [mark.args[1] for mark in test.pytestmark if mark.name == "parametrize"]
    return [case.values[0] for case in cases]
