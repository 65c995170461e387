"""A stack of runs with all that is made for just these runs."""

from __future__ import annotations

from dataclasses import dataclass

from harness.backends import Pass, Program, Step
from harness.evaluation.evaluator import Evaluator
from harness.model.objective import Objective
from harness.training.setup import Setup
from harness.training.stack import Stack
from harness.update.chain import Chain

__all__ = ["BoundStack", "chain_of"]


@dataclass(frozen=True)
class BoundStack:
    """A stack, ready to train. It never changes: when runs leave or join, another one is bound.

    Attributes:
        setup: What it shares with the stacks before and after it.
        stack: Its R runs, in the order of the rows of every array.
        objective: Their objective, its factors on the device.
        program: Forward pass and gradient of these runs.
        chain: Their wrappers and update rules.
        compiled: An epoch as one call, where the backend has compiled it; None for the core's loop.
        evaluate: Terms of the objective and metrics on a part of the data.
    """

    setup: Setup
    stack: Stack
    objective: Objective
    program: Program
    chain: Chain
    compiled: Pass | None
    evaluate: Evaluator

    @classmethod
    def bind(cls, stack: Stack, setup: Setup, epochs: int) -> BoundStack:
        """Binds a stack.

        Args:
            setup: What it shares with the stacks before and after it.
            stack: The runs.
            epochs: Most epochs that the stack will train, refills included.
        """
        backend, network = setup.backend, setup.network
        program = backend.bind(network, stack.objective)
        chain = chain_of(stack, setup)
        compiled = None
        if chain.can_be_compiled:
            train = setup.data.part("train")
            step = Step(network, stack.objective, stack.blocks, setup.batch_size)
            compiled = backend.compiled(step, train.features, train.targets, epochs * setup.steps)
        return cls(
            setup=setup,
            stack=stack,
            objective=stack.objective.map_factors(backend.to_device),
            program=program,
            chain=chain,
            compiled=compiled,
            evaluate=Evaluator(backend, program, setup.data.data.task, sum(network.sizes)),
        )


def chain_of(stack: Stack, setup: Setup) -> Chain:
    """What the runs of a stack do with their gradients."""
    seeds = [config.seed for config in stack.configs]
    return Chain(stack.chains, setup.backend, setup.network, stack.objective, seeds)
