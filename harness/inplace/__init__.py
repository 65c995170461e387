"""Update rules on arrays in the memory of the host, run in place: what backends on a CPU share.

tracing.py    a rule, called with symbols, as the list of its operations
plan.py       these as calls of NumPy functions on reused buffers
columns.py    the values that are one a run, worked out at every step
loop.py       the plan as one loop, in LLVM's language
native.py     the loop compiled, where llvmlite is installed and it pays
rule.py       a rule bound to arrays, and its steps
"""

from harness.inplace.rule import InPlace, in_place

__all__ = ["InPlace", "in_place"]
