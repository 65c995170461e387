"""The datasets plugin."""
