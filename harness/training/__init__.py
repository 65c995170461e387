"""A stack in training: the loop, who is in the stack, its state, and the records that it yields.

A stack is a set of slots. All its runs take each step together, but each is in an epoch of its own:
orders, rates and the number of the step are per run. At the end of an epoch the runs that are over
leave, and runs that wait take their slots. Epochs of a group have equally many steps, so nobody
waits for anybody.

The loop only yields records; its consumer logs, draws and saves. A `Setup` is fixed, a `BoundStack`
is made for the present runs, and the `StackState` changes with each step; `endings` decides which
runs end, and as what.

A range test is a run of short epochs: the loop knows the mean loss of an epoch, not of a step. So
the rate stays the same within an epoch (`schedule=range_test`) and epochs have three steps
(`training.steps_per_epoch`). `train/loss` and `train/lr` then belong together exactly, and the
whole test has the few hundred steps that it should have.
"""
