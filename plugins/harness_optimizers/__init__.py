"""The optimizers plugin."""
