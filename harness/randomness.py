"""All randomness of a run, drawn on the host from its seed.

Each seed, named stream and index has a generator of its own. What a run draws therefore depends on
nothing else: not on the backend, the optimizer, the other runs of a stack or the epochs before, nor on
streams that are added later. So two runs with the same seed start from the same weights and see the same
batches, and a comparison of their optimizers is paired.

The generators are PCG64 on children of one `SeedSequence`, whose spawn key is the number of the
stream followed by the index (https://numpy.org/doc/stable/reference/random/parallel.html).
"""

from __future__ import annotations

import numpy as np

from harness.errors import ConfigurationError, unknown_name

__all__ = ["STREAMS", "order", "signs", "stream", "weight_rngs"]

# Published numbers: a new stream takes the next one, and none is ever given to another.
STREAMS = {"weights": 0, "order": 1, "split": 2, "dropout": 3, "signs": 4}


def stream(seed: int, name: str, *index: int) -> np.random.Generator:
    """A new generator at the start of a stream, or of one part of it.

    Raises ConfigurationError for an unknown name or a negative seed.

    Args:
        seed: Seed of the run, 0 or more, of any size.
        name: One of `STREAMS`.
        index: Part of the stream, such as a layer or an epoch.

    >>> stream(7, "split").integers(100) == stream(7, "split").integers(100)
    np.True_
    """
    if name not in STREAMS:
        raise unknown_name("random stream", name, STREAMS)
    if seed < 0:
        raise ConfigurationError(f"'seed' must be 0 or more. Got {seed}.")
    sequence = np.random.SeedSequence(entropy=seed, spawn_key=(STREAMS[name], *index))
    return np.random.Generator(np.random.PCG64(sequence))


def weight_rngs(seed: int, layers: int) -> list[np.random.Generator]:
    """A generator for each layer, as `Network.initial` takes them.

    A layer draws its weights before its biases: the initializer of the biases changes no weight, and a
    layer more or less changes no other layer.

    Args:
        seed: Seed of the run.
        layers: Number of layers.
    """
    return [stream(seed, "weights", layer) for layer in range(layers)]


def order(seed: int, epoch: int, samples: int) -> np.ndarray:
    """The order of the training samples in an epoch: a permutation, (samples,) int64.

    A resumed run needs no state of a generator. Making one costs about 12 us an epoch, less than the
    permutation of 1,000 samples.

    Args:
        seed: Seed of the run.
        epoch: Number of the epoch, from 1.
        samples: Rows of the training part.
    """
    return stream(seed, "order", epoch).permutation(samples)


def signs(seed: int, step: int, size: int) -> np.ndarray:
    """What a run draws where a rule asks for signs: +1 or −1, equally likely, (size,) float64.

    A sign takes one random bit: 1 ms for a million.

    Args:
        seed: Seed of the run.
        step: Number of the step, from 1.
        size: Signs to draw.
    """
    bits = np.frombuffer(stream(seed, "signs", step).bytes(-(-size // 8)), np.uint8)
    return 2.0 * np.unpackbits(bits, count=size) - 1.0
