"""Downloading a file whose SHA-256 is known."""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from harness import DataError

TIMEOUT = 5.0  # seconds to wait for a mirror to answer
DEADLINE = 120.0  # seconds for a whole file


def fetch(name: str, sha256: str, size: int, mirrors: Sequence[str]) -> bytes:
    """The file `name` of `size` bytes from the first mirror that has it; nothing else is accepted.

    Args:
        name: Name of the file, below each mirror.
        sha256: SHA-256 of the content, in hexadecimal.
        size: Size in bytes.
        mirrors: Addresses of folders, with a slash at the end.

    Raises:
        DataError: No mirror has it; the message says what went wrong at each of them.
    """
    from http.client import HTTPException

    problems = []
    for mirror in mirrors:
        try:
            content = _get(mirror + name, size)
        except (OSError, HTTPException) as error:
            problems.append(f"{mirror}: {error}")
            continue
        if hashlib.sha256(content).hexdigest() == sha256:
            return content
        problems.append(f"{mirror}: what came is another file (its SHA-256 differs)")
    raise DataError(f"Cannot download {name}. " + "; ".join(problems) + ".")


def _get(address: str, size: int) -> bytes:
    """At most `size` + 1 bytes."""
    from urllib.request import urlopen  # 30 ms, and few runs download

    deadline = time.monotonic() + DEADLINE
    content = bytearray()
    with urlopen(address, timeout=TIMEOUT) as response:
        while chunk := response.read1(min(2**16, size + 1 - len(content))):
            content += chunk
            if time.monotonic() > deadline:
                raise TimeoutError(f"not finished after {DEADLINE:.0f} s")
    return bytes(content)


def write_atomically(path: Path, content: bytes) -> None:
    """Writes a file so that no other process ever sees half of it. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o644)  # mkstemp gives 0o600: nobody else could read the data
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
