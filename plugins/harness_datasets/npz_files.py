"""NPZ files: arrays with a row for each sample; nothing pickled is ever read."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from harness import DataError

LARGEST = 2**32  # bytes that an NPZ file may unpack to


def read_npz(
    path: Path, ignore: Sequence[str]
) -> tuple[list[str], list[tuple[str, str, np.ndarray]]]:
    """The names of the arrays, and the columns of those that are not ignored.

    Args:
        path: Path of the file.
        ignore: Names of arrays that are not looked at: they may have any shape, and be pickled.

    Returns:
        The names, and for each column the array's name, its own and its values. The columns of a
        two-dimensional array x are x_0, x_1, …
    """
    with zipfile.ZipFile(path) as archive:
        members = [m for m in archive.infolist() if m.filename.removesuffix(".npy") not in ignore]
        names = [member.filename.removesuffix(".npy") for member in archive.infolist()]
    size = sum(member.file_size for member in members)
    if size > LARGEST:
        raise DataError(
            f"{path} unpacks to {size:,} bytes; at most {LARGEST:,} are accepted. Use Parquet."
        )
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(f"{path} holds several arrays of the same name: {', '.join(twice)}.")
    columns = []
    with np.load(path, allow_pickle=False) as arrays:
        for member in members:
            name = member.filename.removesuffix(".npy")
            values = arrays[member.filename]
            if not isinstance(values, np.ndarray) or values.ndim not in (1, 2):
                got = f"shape {values.shape}" if isinstance(values, np.ndarray) else "no array"
                raise DataError(
                    f"{name!r} in {path} must be an array of one or two dimensions, with a row for "
                    f"each sample. Got {got}."
                )
            if values.ndim == 1:
                columns.append((name, name, values))
            columns += [
                (name, f"{name}_{i}", values[:, i])
                for i in range(values.shape[1] if values.ndim == 2 else 0)
            ]
    return names, columns
