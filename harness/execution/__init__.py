"""From jobs to results: runs that are finished already, shared stacks, workers, and records.

Stacks train in workers (`workers.py`): forked processes, which share the data and send their
records through a pipe, or threads where the backend cannot be forked (PyTorch). Threads hand
Python's interpreter to one another after each operation, so stacks of small networks take half as
long again in threads. The loops only yield; the calling process records what they yield, so nothing
else needs a lock.
"""
