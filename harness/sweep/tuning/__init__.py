"""The tuning protocol, and its record in `tuning.json`."""
