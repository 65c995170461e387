"""How runs are judged on the way: metrics, dead and saturated units, early stopping, halving."""
