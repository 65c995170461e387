"""The statistics of a comparison: arrays in, numbers out, one method a file."""
