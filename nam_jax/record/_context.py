"""The context of a run: folder, device, batches and the precision of flows.

It changes results only by the rounding of numbers.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, final, get_args

Precision = Literal["highest", "high", "default"]
"""A precision of products, by its name in JAX."""


@final
@dataclass(frozen=True)
class Context:
    """The context of a run, which every study takes: folder, device, batches, precision."""

    folder: Path | None = None
    """Folder for files that a study writes besides its Dataset (`train-codec` writes weights,
    `compare` and `claims` pages); None: the study writes no files."""
    progress: bool = False
    """Whether to show a progress bar."""
    device: str | None = None
    """Platform, as in `cpu` or `gpu`, or one device of it, as in `gpu:1`; None: JAX's choice."""
    batch: int | None = None
    """Number of samples computed at once; None: the study's own choice. A study that does not
    compute its samples in batches raises an error if this is a number."""
    precision: Precision = "highest"
    """Precision of the products in flows on GPUs and TPUs; see `nam_jax.solve.Flow`."""

    def __post_init__(self):
        if self.batch is not None and self.batch < 1:
            raise ValueError(f"Argument `batch` must be at least 1, but has {self.batch}.")
        if self.precision not in get_args(Precision):
            names = ", ".join(get_args(Precision))
            raise ValueError(
                f"Argument `precision` must be one of {names}, but has {self.precision!r}."
            )
