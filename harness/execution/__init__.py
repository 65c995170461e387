"""From jobs to results: which runs are finished, which share a stack, workers, and what is recorded."""
