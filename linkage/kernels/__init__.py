"""Compiled kernels: arrays in, arrays out, no policy. Nothing outside this room imports numba."""
