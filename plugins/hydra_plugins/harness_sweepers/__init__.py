"""Hydra sweepers of harness; Hydra finds them here by itself."""
