"""Sweeps (Hydra multiruns): composing jobs, launching them, searching settings, and summing up.

A sweep is composed once (`composition.py`). Hydra takes 100 ms a job; here components are exchanged
and plain values applied in copies, and a test compares jobs and files with Hydra's own.
`hydra/sweeper=grid` is Hydra's basic sweeper without its check of every job, which our launchers
make anyway.

Launchers and sweepers sit in the namespace `hydra_plugins`, where Hydra looks for them. An editable
install hides that folder from Hydra's scan, so `application.py` registers them as well. Nothing here
imports them: they import this.

A command opens a list for the sweep that Hydra runs for it (`outcome.py`), because Hydra makes its
callbacks itself and does not return them.
"""
