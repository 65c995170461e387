"""The floor: the same runs in JAX, jit + vmap + scan, float32, nothing logged and nothing saved.

    python floor.py inputs.npz --epochs 20 --chunk 15 --threads 2

Needs an interpreter that has JAX and imports nothing of harness. Its runs start from the same weights
and see the same batches as those of harness, so they must learn the same. The runs of each optimizer are
cut into stacks of `chunk` runs; `threads` stacks train at once, each on one core (1: one stack after
another, on as many threads as XLA chooses). Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

parser = argparse.ArgumentParser()
parser.add_argument("inputs", help="as `inputs.write` writes them")
parser.add_argument("--epochs", type=int, default=20)
parser.add_argument("--chunk", type=int, default=15, help="runs of a stack")
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--repeats", type=int, default=1, help="train N times; the fastest counts")
options = parser.parse_args()
if options.threads > 1:  # stacks train side by side: threads of XLA's own would compete
    os.environ["XLA_FLAGS"] = (
        f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen=false"
    )

import jax
import jax.numpy as jnp
import numpy as np

inputs = np.load(options.inputs)
x, y = jnp.asarray(inputs["train_features"]), jnp.asarray(inputs["train_labels"])
vx, vy = jnp.asarray(inputs["validation_features"]), jnp.asarray(inputs["validation_labels"])
BATCH = 32
MOMENTUM, BETA1, BETA2, EPS = 0.9, 0.9, 0.999, 1e-8


def logits(theta, features):
    (w1, b1), (w2, b2) = theta
    return jax.nn.relu(features @ w1.T + b1) @ w2.T + b2


def cross_entropy(output, labels):
    picked = jnp.take_along_axis(output, labels[:, None], axis=-1)[:, 0]
    return jnp.mean(jax.nn.logsumexp(output, axis=-1) - picked)


def loss(theta, features, labels):
    return cross_entropy(logits(theta, features), labels)


def update(optimizer, theta, state, gradient, lr, t):
    tree_map = jax.tree.map
    if optimizer == "sgd":
        return tree_map(lambda p, g: p - lr * g, theta, gradient), state
    if optimizer == "heavy_ball":
        state = tree_map(lambda v, g: MOMENTUM * v + g, state, gradient)
        return tree_map(lambda p, v: p - lr * v, theta, state), state
    m = tree_map(lambda m, g: BETA1 * m + (1 - BETA1) * g, state[0], gradient)
    v = tree_map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, state[1], gradient)
    scale = jnp.sqrt(1 - BETA2**t)
    rate = lr * scale / (1 - BETA1**t)
    theta = tree_map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + EPS * scale), theta, m, v)
    return theta, (m, v)


def initial_state(optimizer, theta):
    zeros = jax.tree.map(jnp.zeros_like, theta)
    return {"sgd": (), "heavy_ball": zeros, "adam": (zeros, zeros)}[optimizer]


def train(optimizer, theta, lr, orders):
    """Training loss, validation loss and accuracy of a run, (epochs,) each, from orders (epochs, N)."""
    samples = len(x)
    whole = samples // BATCH * BATCH

    def step(carry, rows):
        theta, state, t = carry
        value, gradient = jax.value_and_grad(loss)(theta, x[rows], y[rows])
        theta, state = update(optimizer, theta, state, gradient, lr, t + 1)
        return (theta, state, t + 1), value

    def epoch(carry, order):
        carry, values = jax.lax.scan(step, carry, order[:whole].reshape(-1, BATCH))
        total = BATCH * values.sum()
        if whole < samples:  # the last batch is smaller
            carry, value = step(carry, order[whole:])
            total += (samples - whole) * value
        output = logits(carry[0], vx)
        accuracy = jnp.mean(output.argmax(axis=-1) == vy)
        return carry, (total / samples, cross_entropy(output, vy), accuracy)

    start = theta, initial_state(optimizer, theta), jnp.float32(0)
    return jax.lax.scan(epoch, start, orders)[1]


def stacks(optimizer):
    """(θ, lr, orders) of all runs of an optimizer, `chunk` at a time."""
    theta = inputs["theta"]  # (initializers, seeds, P)
    rates, orders = inputs["rates"], inputs["orders"][:, : options.epochs]
    runs = [
        (i, r, s)
        for i in range(theta.shape[0])
        for r in range(len(rates))
        for s in range(theta.shape[1])
    ]
    features, hidden, classes = inputs["sizes"]
    cuts = np.cumsum([hidden * features, hidden, classes * hidden])
    for start in range(0, len(runs), options.chunk):
        i, r, s = np.array(runs[start : start + options.chunk]).T
        w1, b1, w2, b2 = np.split(theta[i, s], cuts, axis=1)
        layers = (
            (w1.reshape(-1, hidden, features), b1),
            (w2.reshape(-1, classes, hidden), b2),
        )
        yield jax.device_put((layers, rates[r], orders[s]))


def main() -> None:
    jobs, compiled = [], {}
    began = time.perf_counter()
    for optimizer in ("sgd", "heavy_ball", "adam"):
        for stack in stacks(optimizer):
            key = optimizer, len(stack[1])  # the last stack may be smaller
            if key not in compiled:
                function = jax.jit(jax.vmap(partial(train, optimizer)))
                compiled[key] = function.lower(*stack).compile()
            jobs.append((compiled[key], stack))
    compilation = time.perf_counter() - began
    times = []
    with ThreadPoolExecutor(options.threads) as pool:
        for _ in range(options.repeats):
            began = time.perf_counter()
            outcomes = list(pool.map(lambda job: jax.block_until_ready(job[0](*job[1])), jobs))
            times.append(time.perf_counter() - began)
    # Values of the last epoch, (3, initializers, rates, seeds)
    shape = (3, inputs["theta"].shape[0], len(inputs["rates"]), inputs["theta"].shape[1])
    train_loss, _, accuracy = (
        np.concatenate([values[:, -1] for values in part]).reshape(shape)
        for part in zip(*outcomes, strict=True)
    )
    print(
        json.dumps(
            {
                "training": min(times),
                "compilation": compilation,
                "train/loss": train_loss.tolist(),
                "validation/accuracy": accuracy.tolist(),
            }
        )
    )


if __name__ == "__main__":
    main()
