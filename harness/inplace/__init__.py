"""Update rules run in place on arrays in the memory of the host, for backends on a CPU.

tracing.py          a rule, called with symbols in place of arrays, to find out what it computes
symbols.py          these symbols
nodes.py            what comes out: operations on vectors, on rows and columns, and on numbers of a run
stages.py           their order, where some need a norm of a whole run, or of a row of a matrix
plan.py             calls of NumPy functions on reused buffers
columns.py          the numbers of each run, worked out at every step
pieces.py           the plan on arrays, in pieces that fit into the cache
llvm_operations.py  the operations on one element, in LLVM's language, with NumPy's results
llvm_sums.py        sums, likewise
llvm_registers.py   the arguments of the loops of a traversal of θ
llvm_loops.py       these loops
llvm_function.py    all traversals as one function
machine_code.py     the function compiled, where llvmlite is installed and it pays
rule.py             a rule bound to arrays, and its steps

An optimizer is a few lines of arithmetic. It is called once with symbols, and the record is
compiled to NumPy calls with reused buffers, over pieces of θ that fit into the cache. Where
llvmlite is installed (the extra `fast`), a plan that has worked for a tenth of a second is compiled
once more, by LLVM, to one loop that reads and writes each array once. Loop, plan and rule are equal
bit for bit, and tests say so: + − × ÷ √ and comparisons have one result by IEEE 754, nothing lets
LLVM contract or reorder them, and a rule with exp or a power of θ keeps its plan. (One thing sets a
plan apart from its rule: in float32 NumPy makes doubles of truth values times a plain number.) So
it does not matter when a process compiles, and runs stay what they are alone. Numba compiles Python
source, and there is none here; a C compiler is not on every machine. On a CPU a tensor's
memory is a NumPy array as well, so rules take the same way on the PyTorch backend.

A rule with norms goes through θ in stages. A norm of a run, or of a parameter of it, must be there
before anything is divided by it. So the plan sums up in one stage what the next one needs, as late
as possible; in between it computes with the norms in the precision of θ, as NumPy would. A sum
depends on its order, and there is one order here, that of `np.add.reduce` on the numbers of one run
side by side: the formula takes it, the plan calls it, and the compiled code has its pairs and
blocks (`llvm_sums.py`), which are also fast. NumPy promises no order, so the code is compared with it
before it is used, and the plan stays where they differ. The other runs of the stack cannot matter:
the axis of runs of a symbol has no length.

Rows and columns of a matrix are told apart by kind, not by shape (`nodes.py`). What Adafactor and
adaptive clipping compute may be as long as a matrix, as its units or as its inputs; what comes of
two kinds is as long as both: an outer product is a vector. A traversal of the plan goes through one
of these lengths. Through a matrix it goes element by element where it can, and row by row where a row
has a number of its own; a part of a sum over all may then begin in one row and end in another, as
NumPy's blocks do. A shape alone would not do: in a square matrix a norm of each row, laid along the
columns, would pass for one of each column. Products of matrices (Muon) and eigenvalues (Shampoo)
run as written, and so does a rule that asks for anything else that symbols lack.
"""

from harness.inplace.rule import InPlace, in_place

__all__ = ["InPlace", "in_place"]
