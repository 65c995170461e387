"""Hydra configuration files; a package so that Hydra finds them after any kind of install."""
