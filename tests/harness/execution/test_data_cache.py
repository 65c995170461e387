from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from harness.contracts import Task
from harness.errors import DataError
from harness.execution.data_cache import DataCache
from harness.registry.faults import PluginFault


@dataclass(frozen=True)
class Odd:
    """A dataset that returns a number."""

    task = Task.REGRESSION

    def load(self):
        return 3


def test_each_choice_of_data_is_prepared_and_sent_to_the_device_once(registry, run_of):
    cache = DataCache(registry)
    first, again = run_of("dataset=iris"), run_of("dataset=iris", "optimizer=sgd", "seed=7")
    assert cache.of(first.config) is cache.of(again.config)
    assert cache.on_device(first.config) is cache.on_device(again.config)
    other = run_of("dataset=iris", "split.seed=1")
    assert cache.of(other.config) is not cache.of(first.config)
    double = run_of("dataset=iris", "backend.dtype=float64")
    assert cache.of(double.config) is cache.of(first.config)
    assert cache.on_device(double.config) is not cache.on_device(first.config)


def test_a_dataset_that_breaks_its_contract_is_a_fault_and_no_error(registry, run_of):
    config = replace(run_of("dataset=iris").config, dataset=Odd())
    fault = DataCache(registry).of(config)
    assert isinstance(fault, PluginFault)
    assert "breaks its contract: load must return harness.Data. Got 3" in fault.message


def test_a_mistake_of_the_user_is_an_error(registry, run_of, tmp_path):
    run = run_of("dataset=table", f"dataset.path={tmp_path}/no.csv", "dataset.target=y")
    with pytest.raises(DataError, match=r"no\.csv"):
        DataCache(registry).of(run.config)
