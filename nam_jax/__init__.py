"""Associative memory in JAX: networks that store patterns and recall them from damaged cues."""
