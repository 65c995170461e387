"""Hydra launchers of harness, in the namespace that Hydra searches for plugins."""
