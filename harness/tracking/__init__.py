"""MLflow: what a run leaves behind."""
