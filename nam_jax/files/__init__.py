"""`save` and `load`: a network or a process tensor as one file."""

from nam_jax.files._file import load, save

__all__ = ["load", "save"]
