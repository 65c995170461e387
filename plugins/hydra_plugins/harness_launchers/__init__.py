"""Hydra launchers."""
