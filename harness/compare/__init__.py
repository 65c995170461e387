"""From runs in MLflow to a verdict: which contender is better, how sure, at what cost of tuning."""
