"""Writes a package for a new component: `harness new optimizer my-rule`.

`naming.py` decides what the package and its parts are called, and refuses some names. `package.py`
writes the package with copier from `templates/`: `package/` is the same for all kinds, and takes the
example and the numbers of its test from `kinds/`. Templates run no code: none has a task, and copier
trusts none.
"""
