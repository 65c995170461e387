import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from harness import Backend, Block, ConfigurationError, MissingDependencyError
from harness.model.network import Network
from harness.model.objective import Objective
from harness_losses import SoftmaxCrossEntropy
from harness_optimizers import Adam
from harness_torch import Torch, backend, harness_backends


def test_it_is_a_backend_by_the_name_of_torch():
    assert harness_backends() == {"torch": Torch}
    assert isinstance(Torch(), Backend)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_floats_are_placed_in_its_precision_and_integers_as_they_are(dtype):
    here = Torch(dtype=dtype, device="cpu")

    assert here.to_device(np.ones((2, 3))).dtype == getattr(torch, dtype)
    assert here.to_device(np.ones((2, 3), np.float32)).dtype == getattr(torch, dtype)
    assert here.to_device(np.arange(3)).dtype == torch.int64
    assert here.to_device(np.array([True])).dtype == torch.bool


def test_place_and_fetch_copy():
    here = Torch(dtype="float64", device="cpu")
    original = np.arange(6.0).reshape(2, 3)[:, ::-1]  # no layout that PyTorch could share

    placed = here.to_device(original)
    original[0, 0] = 100
    fetched = here.to_host(placed)
    placed[0, 1] = 200

    np.testing.assert_array_equal(fetched, [[2, 1, 0], [5, 4, 3]])
    assert placed.is_contiguous()


def test_what_needs_a_gradient_can_be_fetched():
    here = Torch(device="cpu")

    fetched = here.to_host(torch.ones(2, requires_grad=True))

    np.testing.assert_array_equal(fetched, [1, 1])
    assert fetched.flags.writeable


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:x", "cpu:0", "mps", ""])
def test_a_wrong_device_is_refused(device):
    with pytest.raises(ConfigurationError, match=f"auto, cpu, cuda or cuda:N.*Got '{device}'"):
        Torch(device=device)


def test_a_wrong_dtype_is_refused():
    with pytest.raises(
        ConfigurationError, match="'dtype' of Torch must be one of float32, float64"
    ):
        Torch(dtype="float16")


@pytest.mark.parametrize(("device", "present"), [("cuda", 0), ("cuda:0", 0), ("cuda:2", 2)])
def test_a_device_that_is_not_there_is_reported(monkeypatch, device, present):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: present)

    with pytest.raises(ConfigurationError, match=f"device={device} .* finds {present}"):
        Torch(device=device).check()


@pytest.mark.parametrize(("device", "present"), [("auto", 0), ("cpu", 0), ("cuda:1", 2)])
def test_a_device_that_is_there_passes(monkeypatch, device, present):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: present)

    Torch(device=device).check()


def test_without_pytorch_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(backend, "find_spec", lambda name: None)

    with pytest.raises(MissingDependencyError, match=r"pip install 'optimizer-harness\[torch\]'"):
        Torch().check()


def test_the_plugin_and_its_check_do_not_import_pytorch():
    code = "import sys, harness_torch as h; h.Torch().check(); sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def train(here, runs, steps=20):
    """θ after some steps with Adam, and the state of the global generator before and after."""
    rng = np.random.default_rng(0)
    network = Network((8, 16, 16, 3), "tanh", 0.01, True)
    theta = here.to_device(rng.normal(size=(4, network.size))[runs] * 0.3)
    x, target = (
        here.to_device(rng.normal(size=(32, 8))),
        here.to_device(np.eye(3)[np.arange(32) % 3]),
    )
    program = here.bind(network, Objective("main", SoftmaxCrossEntropy()))
    update = here.updater([Block(slice(0, len(theta)), Adam())], network)
    state = update.init(theta)
    for t in range(1, steps + 1):
        _, gradient = program.gradient(theta, x, target)
        lr, number = np.full((2, len(theta), 1), [[[0.01]], [[t]]])
        theta, state = update(theta, gradient, state, lr, number)
    return here.to_host(theta)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-12)])
def test_a_run_learns_the_same_alone_to_the_stated_tolerance(dtype, tolerance):
    here = Torch(dtype=dtype, device="cpu")

    together = train(here, slice(0, 4))

    for r in range(4):
        alone = train(here, slice(r, r + 1))
        error = np.linalg.norm(together[r] - alone[0]) / np.linalg.norm(alone[0])
        assert error < tolerance


def test_a_stack_is_as_large_as_is_of_use_and_fits():
    here, small = Torch(device="cpu"), Network((64, 64, 10), "relu", 0.01, True)
    large = Network((784, 4096, 4096, 10), "relu", 0.01, True)

    assert here.capacity(small, 32) == here.capacity(small, 1000) == 64
    assert 1 <= here.capacity(large, 128) < 4
    assert Torch(dtype="float64", device="cpu").capacity(large, 10**6) == 1


def test_the_global_generator_is_left_alone():
    before = torch.random.get_rng_state()

    train(Torch(device="cpu"), slice(0, 2))

    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device, and finds none")
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-4), ("float64", 1e-10)])
def test_cuda_learns_what_the_cpu_learns(dtype, tolerance):
    Torch(device="cuda").check()
    assert Torch().to_device(np.zeros(1)).is_cuda

    expected = train(Torch(dtype=dtype, device="cpu"), slice(0, 4))
    first, second = (train(Torch(dtype=dtype, device="cuda"), slice(0, 4)) for _ in range(2))

    assert np.linalg.norm(first - expected) / np.linalg.norm(expected) < tolerance
    np.testing.assert_array_equal(first, second)
