"""Measures speed and memory, and compares every number with a baseline: `python -m benchmarks`."""
