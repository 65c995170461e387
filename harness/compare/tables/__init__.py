"""The frames of a comparison, one a file: outcomes in, statistics applied, rows out."""
