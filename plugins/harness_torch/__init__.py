"""The torch plugin."""
