from __future__ import annotations

import gzip
import io
import struct

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from harness import DataError
from harness_datasets import idx
from harness_datasets.idx import parse_idx, read_idx


def encode(array: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.tobytes()


def parse(content: bytes, dimensions: int) -> np.ndarray:
    return parse_idx(io.BufferedReader(io.BytesIO(content)), dimensions, "the file")


IMAGES = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
GOOD = encode(IMAGES)


@settings(deadline=None, max_examples=50)
@given(npst.arrays(np.uint8, npst.array_shapes(min_dims=1, max_dims=3)), st.booleans())
def test_what_was_written_is_read(array, compressed):
    content = gzip.compress(encode(array), mtime=0) if compressed else encode(array)
    np.testing.assert_array_equal(parse(content, array.ndim), array)


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=60), st.sampled_from([1, 3]), st.booleans())
@example(b"", 1, False)
@example(b"\x1f", 1, False)
@example(b"\x1f\x8b", 1, False)
@example(bytes([0, 0, 8, 3]) + struct.pack(">3I", 2**32 - 1, 2**32 - 1, 0), 3, False)
@example(bytes([0, 0, 8, 3]) + struct.pack(">3I", 2**31, 2**31, 4), 3, True)
@example(bytes([0, 0, 8, 1]) + struct.pack(">I", idx.LARGEST), 1, True)
def test_any_bytes_give_an_array_or_a_data_error(content, dimensions, compressed):
    content = gzip.compress(content, mtime=0) if compressed else content
    try:
        array = parse(content, dimensions)
    except DataError:
        return
    assert (array.dtype, array.ndim) == (np.uint8, dimensions)


@settings(deadline=None, max_examples=300)
@given(st.data(), st.booleans())
def test_a_damaged_file_gives_an_array_or_a_data_error(data, compressed):
    content = bytearray(gzip.compress(GOOD, mtime=0) if compressed else GOOD)
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(0, len(content)))]
    try:
        array = parse(bytes(content), 3)
    except DataError:
        return
    assert array.size == 24


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "should begin with the bytes 00 00 08 03. Got an empty file"),
        (b"PNG!", "Got 50 4e 47 21"),
        (encode(IMAGES[0, 0]), r"Got 00 00 08 01. Are images and labels mixed up\?"),
        (bytes([0, 0, 0x0D, 3]) + GOOD[4:], "Got 00 00 0d 03"),
        (GOOD[:10], "ends within its header"),
        (GOOD[:-1], "announces 2 x 3 x 4 values, but holds only 23"),
        (GOOD + b"\0", "announces 2 x 3 x 4 values, but holds more"),
        (GOOD[:4] + struct.pack(">3I", 2**32 - 1, 28, 28), "it must be from 1 to 268,435,456"),
        (GOOD[:4] + struct.pack(">3I", 0, 28, 28), "announces 0 x 28 x 28 values"),
        (gzip.compress(GOOD, mtime=0)[:-9], "is a damaged gzip file"),
        (gzip.compress(GOOD, mtime=0)[:-1] + b"x", "is a damaged gzip file"),
        (gzip.compress(GOOD, mtime=0)[:12] + bytes(20), "is a damaged gzip file"),
    ],
)
def test_damage_is_told_in_words(content, message):
    with pytest.raises(DataError, match=message):
        parse(content, 3)


def test_a_gzip_bomb_is_not_unpacked(monkeypatch):
    unpacked = 0
    original = gzip.GzipFile.read

    def counting(self, size=-1):
        nonlocal unpacked
        content = original(self, size)
        unpacked += len(content)
        return content

    monkeypatch.setattr(gzip.GzipFile, "read", counting)
    bomb = gzip.compress(encode(IMAGES) + bytes(2**24))
    with pytest.raises(DataError, match="but holds more"):
        parse(bomb, 3)
    assert unpacked < 100


def test_the_first_bytes_decide_whether_a_file_is_gzip(tmp_path):
    # A browser may have unpacked what is still called .gz.
    (tmp_path / "plain.gz").write_bytes(GOOD)
    (tmp_path / "packed").write_bytes(gzip.compress(GOOD, mtime=0))
    for name in ("plain.gz", "packed"):
        np.testing.assert_array_equal(read_idx(tmp_path / name, 3), IMAGES)


def test_a_file_that_cannot_be_opened(tmp_path):
    with pytest.raises(DataError, match=r"Cannot read .*nothing"):
        read_idx(tmp_path / "nothing", 3)
