"""What other rooms ask a store: which runs there are, their values, a file that a run left."""
