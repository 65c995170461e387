"""Which rules a CUDA graph cannot hold is known without a CUDA device."""

from dataclasses import dataclass

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from harness import Scope, array_namespace
from harness_optimizers import Sgd, Shampoo, harness_optimizers
from harness_torch import Torch
from harness_torch.step import WholeStep
from harness_torch.synchronization import SynchronizationDetector

CPU = torch.device("cpu")


def synchronizes(problem, rule):
    stack = problem([(rule, 2)])
    with SynchronizationDetector() as detector:
        WholeStep(stack.step, Torch(device="cpu").to_device, torch.float32, CPU)
    return detector.detected


COMPILED = [kind for kind in harness_optimizers().values() if kind.scope is not Scope.OBJECTIVE]


@pytest.mark.parametrize("kind", COMPILED, ids=lambda kind: kind.__name__)
def test_of_the_rules_those_of_eigenvalues_synchronize(problem, kind):
    assert synchronizes(problem, kind()) == (kind is Shampoo)


@dataclass(frozen=True)
class OfMatrices(Sgd):
    operation: str = ""

    def step(self, theta, gradient, state, *, lr, t):
        square = theta[:, :, None] * theta[:, None, :]
        result = getattr(array_namespace(theta).linalg, self.operation)(square)
        part = result if isinstance(result, torch.Tensor) else result[0]
        return theta - lr * part.sum(), state


@pytest.mark.parametrize("operation", ["inv", "cholesky", "eigh", "svd"])
def test_other_rules_that_ask_whether_they_have_succeeded_synchronize(problem, operation):
    assert synchronizes(problem, OfMatrices(operation=operation))


def test_a_norm_does_not_synchronize(problem):
    assert not synchronizes(problem, OfMatrices(operation="matrix_norm"))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device, and finds none")
def test_such_a_rule_is_left_to_the_loop_on_cuda(problem, agree):
    cuda, cpu = (Torch(dtype="float64", device=device) for device in ("cuda", "cpu"))
    stack = problem([(Shampoo(), 2), (Sgd(), 1)])

    assert cuda.compiled(stack.step, *stack.data(cuda), 100) is None
    agree(stack.by_the_loop(cpu), stack.by_the_loop(cuda), 1e-8)
