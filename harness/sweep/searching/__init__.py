"""Which settings are tried: contenders, their search spaces, points, grids, studies."""
