"""From a dataset to arrays on a device: check, split, scale, encode."""
