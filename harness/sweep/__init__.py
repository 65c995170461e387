"""Sweeps: the jobs of a Hydra multirun, where they train, and what sums them up.

A sweep is composed once (`composition.py`). Hydra takes 100 ms a job; here components are exchanged
and plain values applied in copies, and a test holds jobs and files against Hydra's own.
`hydra/sweeper=grid` is Hydra's basic sweeper without its check of every job, which our launchers
make anyway.

Launchers and sweepers sit in the namespace `hydra_plugins`, where Hydra looks for them. An editable
install hides that folder from Hydra's scan, so `application.py` registers them as well.
"""
