from __future__ import annotations

import numpy as np
import pytest

from harness import Data, DataError, Task
from harness.data.on_device import DeviceData
from harness.data.preparing import Split, prepare
from harness_numpy import Numpy


def prepared(features: np.ndarray):
    data = Data(features, np.arange(20.0), source="the table")
    return prepare(data, Task.REGRESSION, "identity", Split(scale="none", scale_targets=False))


def test_a_number_beyond_the_type_of_the_backend_is_refused_where_it_would_become_infinite():
    data = prepared(np.linspace(0, -1e39, 40).reshape(20, 2))
    with pytest.raises(DataError, match=r"the table: features of the train part reach 1e\+39"):
        DeviceData(Numpy(dtype="float32"), data).part("train")
    on_device = DeviceData(Numpy(dtype="float64"), data).part("train")
    np.testing.assert_array_equal(on_device.features, data.train.features)


def test_an_empty_part_has_no_numbers():
    data = prepare(
        Data(np.ones((20, 1)), np.arange(20.0), source="the table"),
        Task.REGRESSION,
        "identity",
        Split(validation=0),
    )
    assert len(DeviceData(Numpy(), data).part("validation")) == 0
