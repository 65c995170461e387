"""A package for a new component: `harness new optimizer my-rule`.

`naming.py` says what the package and its parts are called, and which names are refused.
`package.py` writes it with copier from `templates/`: one package serves all kinds, and takes its
example and the numbers of its test from `kinds/`. Templates run no code: none has a task, and
copier trusts none.

Of the libraries that fill in templates, copier takes the folder to write to, leaves nothing in the
home directory, and refuses templates that would run code. It is an extra and imported by `harness
new` alone, since it takes a second to load.
"""
