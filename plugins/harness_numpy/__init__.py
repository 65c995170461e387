"""The numpy plugin."""
