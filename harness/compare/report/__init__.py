"""A comparison for people and programs: terminal, HTML, CSV, JSON, LaTeX, MLflow.

The page is one file without a request: pictures are SVG in data URIs, so that no id of one can
clash with another's, and a content security policy allows its own style and script by their hashes.
Names in a store are text everywhere: jinja2 escapes them, matplotlib is never shown a formula
(`pictures/style.py`), LaTeX has them escaped, the terminal sees no control character.
"""
