"""A grid is what Hydra's own sweeper makes of the command line."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser

from harness.errors import ConfigurationError
from harness.sweep.searching.grid import batches

CONTEXT = SimpleNamespace(config_loader=None)


@pytest.mark.parametrize("size", [None, 1, 4])
def test_jobs_and_batches_are_hydras(size):
    lines = ["seed=range(0,3)", "optimizer=sgd,adam", "network.hidden=[8],[8,8]", "dataset=moons"]
    overrides = OverridesParser.create().parse_overrides(lines)
    expected = BasicSweeper.split_arguments(overrides, size)
    assert batches(lines, None, CONTEXT, size) == expected
    assert sum(map(len, expected)) == 12


def test_params_come_first_and_the_command_line_overrides_them():
    params = {"optimizer": "sgd,adam", "seed": "0,1"}
    assert batches(["seed=7"], params, CONTEXT, None) == [
        [["optimizer=sgd", "seed=7"], ["optimizer=adam", "seed=7"]]
    ]


def test_what_has_no_values_to_list_is_refused():
    with pytest.raises(ConfigurationError, match="add hydra/sweeper=sobol"):
        batches(["optimizer.lr=interval(0.1,1)"], None, CONTEXT, None)
    with pytest.raises(ConfigurationError, match="max_batch_size' must be 1 or more"):
        batches(["seed=0,1"], None, CONTEXT, 0)
