"""The losses plugin."""
