"""Update rules on arrays in the memory of the host, run in place: what backends on a CPU share.

nodes.py      what a rule computes: operations on vectors, on rows and columns, and on numbers of a run
symbols.py    what it is called with in place of arrays, to find that out
tracing.py    a rule, called so
stages.py     when each is worked out, where some need a norm of a whole run, or of a row of a matrix
plan.py       these as calls of NumPy functions on reused buffers
columns.py    the values that are one a run, worked out at every step
pieces.py     the plan on arrays, in pieces that fit into the cache
registers.py  what the loops of a walk through θ are given
loop.py       these loops, in LLVM's language
operations.py and sums.py
              what they are made of, with NumPy's results
assembly.py   all stages as one function
native.py     the function compiled, where llvmlite is installed and it pays
rule.py       a rule bound to arrays, and its steps
"""

from harness.inplace.rule import InPlace, in_place

__all__ = ["InPlace", "in_place"]
