"""`save` writes a network or a process tensor to one file, and `load` reads it."""

from nam_jax.files._file import load, save

__all__ = ["load", "save"]
