"""What makes a comparison repeatable."""

from __future__ import annotations

import shlex

import pytest

from harness.compare import compare


@pytest.mark.slow
def test_a_configuration_trains_the_very_same_runs(grid, train_sweeps, tmp_path):
    """The commands of the report give runs of the same identities, and so the same numbers."""
    comparison = compare(uri=grid, target=0.9)
    command = comparison.provenance["configurations"]["adam on moons"]
    words = [word for word in shlex.split(command)[3:] if not word.startswith("seed=")]
    again = compare(uri=train_sweeps([*words, "seed=0,1"]), by=["optimizer"], target=0.9).outcomes
    first = comparison.outcomes.query("contender == 'adam' and task == 'moons' and seed < 2")
    for part in (
        "seed",
        "validation",
        "test",
        "steps",
    ):  # rows are in the order in which runs began
        assert again.sort_values("seed")[part].tolist() == first.sort_values("seed")[part].tolist()
