"""The IDX format of the MNIST files: a header of sizes, then bytes.

    0 0 8 d | size of each of the d dimensions, 32-bit big-endian | the values, row-major

8 stands for unsigned bytes, the only type used here. LeCun, Cortes & Burges, "The MNIST database of
handwritten digits", section "File formats".
"""

from __future__ import annotations

import gzip
import io
import math
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from harness import DataError

LARGEST = 2**28  # values in a file; MNIST's largest has 47 million
_GZIP = b"\x1f\x8b"


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """A uint8 array from a file, gzip or plain (its first bytes tell). Raises DataError."""
    try:
        with path.open("rb") as file:
            return parse_idx(file, dimensions, str(path))
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror or error}.") from error


def parse_idx(file: io.BufferedReader, dimensions: int, name: str) -> np.ndarray:
    """A uint8 array of `dimensions` axes. Never reads more than the header announces."""
    stream: BinaryIO = file
    if file.peek(2)[:2] == _GZIP:
        stream = gzip.GzipFile(fileobj=file)  # type: ignore[assignment]  # it reads like a file
    try:
        return _parse(stream, dimensions, name)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(
            f"{name} is a damaged gzip file: {error}. Download it again, or unpack it by hand."
        ) from error


def _parse(stream: BinaryIO, dimensions: int, name: str) -> np.ndarray:
    magic = stream.read(4)
    if magic != bytes([0, 0, 8, dimensions]):
        raise DataError(
            f"{name} is not an IDX file of unsigned bytes with {dimensions} dimensions: it should "
            f"begin with the bytes 00 00 08 {dimensions:02x}. Got "
            f"{magic.hex(' ') or 'an empty file'}. Are images and labels mixed up?"
        )
    header = stream.read(4 * dimensions)
    if len(header) < 4 * dimensions:
        raise DataError(f"{name} ends within its header. Download it again.")
    shape = struct.unpack(f">{dimensions}I", header)
    size = math.prod(shape)
    announced = f"{name} announces {' x '.join(map(str, shape))} values"
    if not 0 < size <= LARGEST:
        raise DataError(f"{announced}; it must be from 1 to {LARGEST:,}. Is the file damaged?")
    values = stream.read(size + 1)
    if len(values) != size:
        got = f"only {len(values):,}" if len(values) < size else "more"
        raise DataError(f"{announced}, but holds {got}. Download it again.")
    return np.frombuffer(values, np.uint8).reshape(shape)
