"""A comparison for people and programs: terminal, HTML, CSV, JSON, LaTeX, MLflow."""
