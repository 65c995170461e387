"""The requirements of each kind of component, a file a kind; `fields.py` has those of all kinds."""
