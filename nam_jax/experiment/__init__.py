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
    "rate",
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

SWEEP: Study = import_module(f"{__name__}.sweep").study
"""What draws a sweep over any of the studies; `nam-jax sweep` runs it."""


def study_named(name: str) -> Study:
    """Returns the study of that name.

    Raises:
        ValueError: If there is none.
    """
    for study in STUDIES:
        if study.name == name:
            return study
    known = ", ".join(study.name for study in STUDIES)
    raise ValueError(f"Argument `name` must be one of {known}, but has {name!r}.")
