"""Studies: one folder each, with its settings, what runs it and its figures."""

from importlib import import_module

from nam_jax.record import Study

_FOLDERS = (
    "retrieve",
    "train_codec",
    "train",
    "reduce",
    "recognise",
    "lesion",
    "capacity",
    "basin",
    "compare",
    "hebbian",
    "generalise",
    "transformer",
    "tokens",
    "dendritic",
    "items",
    "gradients",
    "setwise",
    "hierarchy",
    "predictive",
    "claims",
)
STUDIES: tuple[Study, ...] = tuple(import_module(f"{__name__}.{name}").study for name in _FOLDERS)
"""Every study, in the order of the help of the command line."""
