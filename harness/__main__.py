"""`python -m harness` is the command `harness`."""

from harness.cli import program

program()
