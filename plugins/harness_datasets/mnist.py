"""MNIST, the handwritten digits (LeCun, Bottou, Bengio & Haffner 1998)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from harness import ConfigurationError, Data, DataError, Task
from harness_datasets.download import fetch, write_atomically
from harness_datasets.idx import read_idx

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
SHA256_AND_SIZE = {  # of the gzip files
    "train-images-idx3-ubyte": (
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        9_912_422,
    ),
    "train-labels-idx1-ubyte": (
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        28_881,
    ),
    "t10k-images-idx3-ubyte": (
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        1_648_877,
    ),
    "t10k-labels-idx1-ubyte": (
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        4_542,
    ),
}


@dataclass(frozen=True)
class Mnist:
    """70,000 handwritten digits of 28 × 28 pixels; or other data in the same four files.

    With both parts, 60,000 rows for training and validation come first and the 10,000 of t10k are
    the official test part; a part that is there alone is used alone, without an official test part.
    The folder alone decides which parts are used, never the network.

    Attributes:
        folder: Folder of the IDX files, gzip or plain, relative to the current folder.
        download: Whether to fetch missing files, where the folder has none of them, or only images
            or only labels of a part.
    """

    folder: str = "data/mnist"
    download: bool = True

    task: ClassVar[Task] = Task.MULTICLASS

    def __post_init__(self) -> None:
        if not self.folder:
            raise ConfigurationError("'folder' of Mnist must name a folder. Got ''.")

    def load(self) -> Data:
        """Features (N, 784) float32 from 0 to 1, pixel by pixel in rows; targets are the digits."""
        folder = Path(self.folder).expanduser()
        parts = [part for part in ("train", "t10k") if any(_find(folder, f) for f in _files(part))]
        parts = parts or ["train", "t10k"]
        missing = [f for part in parts for f in _files(part) if _find(folder, f) is None]
        if missing:
            self._obtain(folder, missing)
        loaded = [_load(folder, part) for part in parts]
        images = [images for images, _ in loaded]
        if len({part.shape[1:] for part in images}) > 1:
            sizes = " and ".join(f"{part.shape[1]} x {part.shape[2]}" for part in images)
            raise DataError(f"The parts in {folder} have images of different sizes: {sizes}.")
        rows, columns = images[0].shape[1:]
        test_size = len(images[1]) if len(images) == 2 else 0
        return Data(
            _pixels(images),
            np.concatenate([labels for _, labels in loaded]).astype(np.int64),
            source=f"mnist: {' and '.join(parts)} part in {self.folder}",
            classes=tuple("0123456789"),
            feature_names=tuple(f"pixel_{y}_{x}" for y in range(rows) for x in range(columns)),
            test_size=test_size,
        )

    def _obtain(self, folder: Path, missing: list[str]) -> None:
        what_to_do = (
            f"Put {', '.join(f'{name}.gz' for name in missing)} (gzip or unpacked) into "
            f"{folder.absolute()}; download them from {' or '.join(MIRRORS)}"
        )
        if not self.download:
            raise DataError(
                f"MNIST files are missing and dataset.download is false. {what_to_do}, or set "
                f"dataset.download=true."
            )
        try:
            # All are fetched before the first is written: half of them could pass for all.
            contents = {f"{f}.gz": fetch(f"{f}.gz", *SHA256_AND_SIZE[f], MIRRORS) for f in missing}
            for name, content in contents.items():
                write_atomically(folder / name, content)
        except DataError as error:
            raise DataError(
                f"{error} {what_to_do}, or name the folder: dataset.folder=…"
            ) from error
        except OSError as error:
            raise DataError(
                f"Cannot write to {folder.absolute()}: {error.strerror or error}. Name another "
                f"folder: dataset.folder=…"
            ) from error


def _files(part: str) -> tuple[str, str]:
    return f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"


def _find(folder: Path, name: str) -> Path | None:
    """The plain file or the gzip one."""
    paths = (folder / name, folder / f"{name}.gz")
    return next((path for path in paths if path.is_file()), None)


def _load(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, rows, columns) and labels (N,), both uint8."""
    images_path, labels_path = (_find(folder, name) or folder / name for name in _files(part))
    images, labels = read_idx(images_path, 3), read_idx(labels_path, 1)
    if len(images) != len(labels):
        raise DataError(
            f"{images_path} holds {len(images)} images but {labels_path} {len(labels)} labels. "
            f"Both must come from the same part of the same data."
        )
    if labels.max() > 9:
        row = int(np.argmax(labels > 9))
        raise DataError(
            f"{labels_path}: labels must be digits, 0 to 9. Got {labels[row]} for image {row}."
        )
    return images, labels


def _pixels(images: list[np.ndarray]) -> np.ndarray:
    """(N, pixels) float32 from 0 to 1."""
    counts = [len(part) for part in images]
    pixels = np.empty((sum(counts), images[0][0].size), np.float32)
    for part, rows in zip(images, np.split(pixels, np.cumsum(counts)[:-1]), strict=True):
        np.divide(part.reshape(len(part), -1), np.float32(255), out=rows)
    return pixels
