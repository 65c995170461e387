"""A stack in training: the loop, who is in the stack, its state, and the records that it yields."""
