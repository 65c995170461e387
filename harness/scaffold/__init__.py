"""A package for a new component: `harness new optimizer my-rule`.

`naming.py` says what the package and its parts are called, and which names are refused. `package.py`
writes it with copier from `templates/`: one package serves all kinds, and takes its example and the
numbers of its test from `kinds/`. Templates run no code: none has a task, and copier trusts none.
"""
