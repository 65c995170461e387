"""How plugins are found, loaded, checked and blocked, and whose fault an error is.

A stranger's package must not replace or block anything. Whoever may publish a package may call an
optimizer `adam`, or a loss the default of a task. A short name that harness' own distribution
claims stays harness' own, so installing a package changes no configuration. Among third parties a
contested name belongs to nobody, and whoever uses it is told the full names, `distribution:name`.
The identity of a run holds the plugin of each component, so other installed plugins do not change
it.

A fault of a plugin is found as early as that costs nothing. On import: any error that it raises,
the version of its contract, the class of each component. Before the first step: update rules and
losses are tried once on a few numbers of the backend (`training/contract_check.py`), which finds
inputs that are written into, other slots, shapes and dtypes. The loop checks nothing. An error that
is raised in it is attributed by the frames of its traceback (`faults.py`), so nothing is wrapped;
that run is FAILED, and the others of its stack go on. A process cannot be guarded against what it
imports: a user who does not trust a package blocks it (`blocking.py`). Blocking is decided before
anything is imported and reaches all workers through the environment.
"""
