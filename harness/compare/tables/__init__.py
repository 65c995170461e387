"""The frames of a comparison, one in each file: it applies statistics to outcomes."""
