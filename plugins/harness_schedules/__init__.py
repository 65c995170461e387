"""The schedules plugin."""
