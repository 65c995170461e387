import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from harness.contracts import Task
from harness.errors import DataError
from harness.prediction.parameters import DESCRIPTION, PARAMETERS, load_parameters, save_parameters

THETA = np.arange(13) / 7


@pytest.fixture
def saved(tmp_path, describe):
    save_parameters(tmp_path, describe(), THETA)
    return tmp_path


def edit(folder, **changes):
    path = folder / DESCRIPTION
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@given(
    sizes=st.lists(st.integers(1, 5), min_size=2, max_size=4),
    bias=st.booleans(),
    dtype=st.sampled_from(["float32", "float64"]),
    name=st.text(min_size=1, max_size=5),
    data=st.data(),
)
@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_network_survives_its_files(tmp_path, describe, sizes, bias, dtype, name, data):
    features, outputs = sizes[0], sizes[-1]
    floats = st.floats(allow_nan=False, allow_infinity=False)
    before = describe(
        sizes=tuple(sizes),
        bias=bias,
        dtype=dtype,
        task=Task.REGRESSION,
        output_activation="identity",
        classes=(),
        feature_names=(name,) * features,
        scaling={
            f"{part}_{kind}": data.draw(st.lists(floats, min_size=n, max_size=n))
            for part, n in (("feature", features), ("target", outputs))
            for kind in ("shift", "scale")
        },
    )
    theta = np.random.default_rng(0).normal(size=before.network.size).astype(dtype)
    save_parameters(tmp_path, before, theta)
    after, loaded = load_parameters(tmp_path)
    assert after == before
    assert loaded.dtype == dtype
    assert loaded.tobytes() == theta.tobytes()


def test_the_tensors_have_the_names_and_shapes_of_the_network(saved):
    tensors = load_file(saved / PARAMETERS)
    assert {name: tensor.shape for name, tensor in tensors.items()} == {
        "layer1.weight": (3, 2),
        "layer1.bias": (3,),
        "layer2.weight": (1, 3),
        "layer2.bias": (1,),
    }
    assert tensors["layer1.bias"].tolist() == THETA[6:9].tolist()


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000, "\xff"])
def test_a_description_that_is_no_json_object_is_refused(saved, text):
    (saved / DESCRIPTION).write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError):
        load_parameters(saved)


def test_missing_files_are_named(tmp_path, describe):
    with pytest.raises(DataError, match=DESCRIPTION):
        load_parameters(tmp_path)
    save_parameters(tmp_path, describe(), THETA)
    (tmp_path / PARAMETERS).unlink()
    with pytest.raises(DataError, match=PARAMETERS):
        load_parameters(tmp_path)


def good():
    return {
        "layer1.weight": np.zeros((3, 2)),
        "layer1.bias": np.zeros(3),
        "layer2.weight": np.zeros((1, 3)),
        "layer2.bias": np.zeros(1),
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layer1.weight": np.zeros((2, 3))}, r"shape \(2, 3\).*shape \(3, 2\)"),
        ({"layer1.weight": np.zeros((3, 2), "float32")}, "is float32.*must be float64"),
        ({"layer1.weight": np.zeros((3, 2), "int64")}, "is other"),
        ({"layer3.weight": np.zeros(1)}, "layer3.weight, … \\(5 in all\\)|layer3.weight, but"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(saved, change, message):
    save_file(good() | change, saved / PARAMETERS)
    with pytest.raises(DataError, match=message):
        load_parameters(saved)


def test_too_few_parameters_are_refused(saved):
    tensors = good()
    del tensors["layer2.bias"]
    save_file(tensors, saved / PARAMETERS)
    with pytest.raises(DataError, match="does not fit"):
        load_parameters(saved)


def test_an_absurd_size_is_refused_before_memory_is_taken(saved):
    edit(saved, sizes=[2, 10**15, 1])
    with pytest.raises(DataError, match="does not fit"):
        load_parameters(saved)


@pytest.mark.parametrize(
    "content", [b"", b"\x80\x04}", b"\xff" * 64, b"\x08" + bytes(7) + b"{}      "]
)
def test_a_file_that_is_no_safetensors_is_refused(saved, content):
    (saved / PARAMETERS).write_bytes(content)
    with pytest.raises(DataError):
        load_parameters(saved)


@given(st.data())
@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_damaged_file_is_refused_or_still_fits(saved, describe, data):
    save_parameters(saved, describe(), THETA)
    content = bytearray((saved / PARAMETERS).read_bytes())
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    (saved / PARAMETERS).write_bytes(content)
    try:
        _, theta = load_parameters(saved)
    except DataError:
        return
    assert theta.shape == (13,)
