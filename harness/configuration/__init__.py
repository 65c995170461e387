"""From a command line to a run: the typed tree, what Hydra composes with, and what is wrong with it."""
