"""Measured speed and memory: `python -m benchmarks`, each number beside its baseline."""
