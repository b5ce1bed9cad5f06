"""Associative memory in JAX: networks that store patterns and recall them from damaged cues."""

from nam_jax import attention, data, lagrangian, measure, memory, network, solve, theory, train
from nam_jax.solve import retrieve, settle, simulate

__all__ = [
    "attention",
    "data",
    "lagrangian",
    "measure",
    "memory",
    "network",
    "retrieve",
    "settle",
    "simulate",
    "solve",
    "theory",
    "train",
]
