"""How runs are judged on the way: metrics, dead and saturated units, early stopping, halving.

Loss terms are computed in bulk. A step needs the gradient, not the loss: outputs are kept, and
their terms and metrics are computed for many batches at once (`TermMeter`). Terms under `train/…`
are means over the epoch, while θ moves; `validation/…`, `best/…` and `test/…` are evaluations at a
fixed θ.
"""
