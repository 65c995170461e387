from __future__ import annotations

import gzip
import hashlib
import os
import struct
from pathlib import Path

import numpy as np
import pytest

from harness import ConfigurationError, DataError, Task
from harness.data.preparing import Split, prepare
from harness_datasets import Mnist, mnist

REAL = Path(__file__).parents[4] / "shared" / "data" / "mnist"
needs_real_files = pytest.mark.skipif(
    not (REAL / "t10k-images-idx3-ubyte.gz").is_file(), reason="no real MNIST files here"
)
RNG = np.random.default_rng(0)
IMAGES = {
    "train": RNG.integers(0, 256, (12, 3, 4), np.uint8),
    "t10k": RNG.integers(0, 256, (5, 3, 4), np.uint8),
}
LABELS = {"train": np.arange(12, dtype=np.uint8) % 10, "t10k": np.arange(5, dtype=np.uint8)}


def encode(array: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.tobytes()


def write(folder: Path, part: str, compress: bool = True, images=None, labels=None) -> None:
    for name, array in (
        (f"{part}-images-idx3-ubyte", IMAGES[part] if images is None else images),
        (f"{part}-labels-idx1-ubyte", LABELS[part] if labels is None else labels),
    ):
        content = encode(array)
        path = folder / (f"{name}.gz" if compress else name)
        path.write_bytes(gzip.compress(content) if compress else content)


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(name, *_):
        raise DataError(f"Cannot download {name}. No network in a test.")

    monkeypatch.setattr(mnist, "fetch", refuse)


# --- what is in the folder ------------------------------------------------------------------------


@pytest.mark.parametrize("compress", [True, False])
def test_both_parts_are_put_together(tmp_path, compress):
    write(tmp_path, "train", compress)
    write(tmp_path, "t10k", not compress)
    data = Mnist(str(tmp_path)).load()
    pixels = np.concatenate([IMAGES["train"], IMAGES["t10k"]]).reshape(17, 12)
    np.testing.assert_array_equal(data.features, pixels / np.float32(255))
    assert data.features.dtype == np.float32
    np.testing.assert_array_equal(data.targets, [*LABELS["train"], *LABELS["t10k"]])
    assert data.test_size == 5
    assert data.feature_names[5] == "pixel_1_1"
    assert "train and t10k part" in data.source


@pytest.mark.parametrize("part", ["train", "t10k"])
def test_a_part_alone_is_used_alone(tmp_path, part):
    write(tmp_path, part)
    data = Mnist(str(tmp_path)).load()
    np.testing.assert_array_equal(data.targets, LABELS[part])
    assert len(data.features) == len(LABELS[part])
    assert data.test_size == 0
    assert f"{part} part" in data.source


@pytest.mark.parametrize("download", [True, False])
def test_an_empty_folder_without_network_says_what_to_do(tmp_path, download):
    with pytest.raises(DataError) as caught:
        Mnist(str(tmp_path / "new"), download).load()
    message = str(caught.value)
    for part in ("train", "t10k"):
        assert f"{part}-images-idx3-ubyte.gz" in message
        assert f"{part}-labels-idx1-ubyte.gz" in message
    assert str(tmp_path / "new") in message
    assert all(mirror in message for mirror in mnist.MIRRORS)
    assert ("dataset.download=true" in message) is not download
    assert os.listdir(tmp_path) == []


def test_half_a_part_is_not_taken_for_the_whole(tmp_path):
    write(tmp_path, "train")
    write(tmp_path, "t10k")
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match=r"Put t10k-labels-idx1-ubyte.gz \(gzip or unpacked\)"):
        Mnist(str(tmp_path), download=False).load()


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (None, np.arange(4, dtype=np.uint8), "5 images but .* 4 labels"),
        (None, np.array([0, 1, 10, 9, 3], np.uint8), "0 to 9. Got 10 for image 2"),
        (np.zeros((5, 0, 4), np.uint8), None, "announces 5 x 0 x 4 values"),
        (np.zeros((5, 4, 4), np.uint8), None, "different sizes: 3 x 4 and 4 x 4"),
        (np.zeros(5, np.uint8), None, "Are images and labels mixed up"),
        (None, np.zeros((5, 1, 1), np.uint8), "Are images and labels mixed up"),
    ],
)
def test_files_that_do_not_fit_are_refused(tmp_path, images, labels, message):
    write(tmp_path, "train")
    write(tmp_path, "t10k", images=images, labels=labels)
    with pytest.raises(DataError, match=message):
        Mnist(str(tmp_path)).load()


def test_a_folder_needs_a_name():
    with pytest.raises(ConfigurationError, match="must name a folder"):
        Mnist("")


# --- download -------------------------------------------------------------------------------------


@pytest.fixture
def published(monkeypatch, tmp_path):
    """Files on a mirror, and the names that were requested."""
    source = tmp_path / "published"
    source.mkdir()
    for part in ("train", "t10k"):
        write(source, part)
    asked = []

    def fetch(name, sha256, size, mirrors):
        asked.append((name, sha256, size))
        assert mirrors == mnist.MIRRORS
        return (source / name).read_bytes()

    monkeypatch.setattr(mnist, "fetch", fetch)
    return asked


def test_missing_files_are_downloaded_once(tmp_path, published):
    folder = tmp_path / "new" / "mnist"
    first = Mnist(str(folder)).load()
    assert sorted(published) == sorted(
        (f"{name}.gz", *digest) for name, digest in mnist.SHA256_AND_SIZE.items()
    )
    assert (len(first.features), first.test_size) == (17, 5)
    second = Mnist(str(folder)).load()
    np.testing.assert_array_equal(first.features, second.features)
    assert len(published) == 4


def test_only_the_missing_half_of_a_part_is_downloaded(tmp_path, published):
    write(tmp_path, "t10k", compress=False)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    assert len(Mnist(str(tmp_path)).load().targets) == 5
    assert [name for name, *_ in published] == ["t10k-labels-idx1-ubyte.gz"]


def test_nothing_is_written_unless_all_was_downloaded(tmp_path, monkeypatch):
    def fetch(name, *_):
        if name.startswith("t10k"):
            raise DataError(f"Cannot download {name}.")
        return b"content"

    monkeypatch.setattr(mnist, "fetch", fetch)
    with pytest.raises(DataError, match="Cannot download t10k"):
        Mnist(str(tmp_path)).load()
    assert os.listdir(tmp_path) == []


def test_a_folder_that_cannot_be_written(tmp_path, published):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(DataError, match=r"Cannot write to .*dataset\.folder="):
        Mnist(str(tmp_path / "file" / "mnist")).load()


# --- the real test part ---------------------------------------------------------------------------


@needs_real_files
@pytest.mark.parametrize("name", ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"])
def test_the_known_digests_are_those_of_the_real_files(name):
    content = (REAL / f"{name}.gz").read_bytes()
    digest = (hashlib.sha256(content).hexdigest(), len(content))
    assert mnist.SHA256_AND_SIZE[name] == digest


@needs_real_files
def test_the_real_test_part():
    data = Mnist(str(REAL)).load()
    assert data.features.shape == (10_000, 784)
    # Published: the first labels, and the number of each digit
    assert data.targets[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    counts = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert np.bincount(data.targets).tolist() == counts
    assert (data.features.min(), data.features.max()) == (0, 1)
    image = data.features[0].reshape(28, 28)  # a seven: its bar lies in the upper half
    assert image[7:10].sum() > 5 * image[20:23, :10].sum()
    prepared = prepare(data, Task.MULTICLASS, "softmax", Split())
    assert (prepared.features, prepared.outputs) == (784, 10)
    assert np.isfinite(prepared.train.features).all()
    np.testing.assert_allclose(np.bincount(prepared.test.labels), np.array(counts) / 5, atol=1)
