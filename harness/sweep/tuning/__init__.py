"""The tuning protocol, and its record."""
