"""Whether freed memory stays with the process, by its page faults."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource
import numpy as np
from harness.allocation import keep_freed_memory
{keep}
x = np.ones(1_000_000, np.float32)
def work():
    sum([x * number for number in range(6)])
work(), work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(keep: str, **environment: str) -> int:
    """Pages that the system has given out in 20 rounds of six arrays of 1,000 pages each."""
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(keep=keep)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(found.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the allocator is glibc's")
def test_pages_are_given_out_once():
    assert faults("") > 10_000
    assert faults("keep_freed_memory()") < 100


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the allocator is glibc's")
def test_what_the_user_has_told_the_allocator_stands():
    assert faults("keep_freed_memory()", MALLOC_TRIM_THRESHOLD_="131072") > 10_000
