"""Hydra sweepers of harness, in the namespace that Hydra searches for plugins."""
