"""From a command line to a run: the typed tree, what Hydra composes with, and what is wrong with it.

Hydra raises and we explain: `HYDRA_FULL_ERROR` is set inside the process, so that Hydra's errors
reach `overrides.explain` instead of being printed with advice (`+key=…`) that would not help.
"""
