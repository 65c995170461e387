"""The initializers plugin."""
