"""Benchmarks: what the README's tables are written from."""
