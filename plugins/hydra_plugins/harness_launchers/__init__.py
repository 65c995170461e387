"""Hydra launchers of harness; Hydra finds them here by itself."""
