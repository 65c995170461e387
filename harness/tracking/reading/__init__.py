"""What other rooms ask a store: which runs there are, their numbers, a file that a run has left."""
