"""Launchers of Hydra multiruns, and what sums a sweep up."""
