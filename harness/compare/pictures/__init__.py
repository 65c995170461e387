"""The pictures of a comparison, one subject a file; each takes frames and gives a figure."""
