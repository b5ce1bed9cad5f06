"""The context of a run: folder, device and batches; it changes results only by round-off."""

from dataclasses import dataclass
from pathlib import Path
from typing import final


@final
@dataclass(frozen=True)
class Context:
    """The context of a run, which every study takes: folder, progress bar, device and batches."""

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

    def __post_init__(self):
        if self.batch is not None and self.batch < 1:
            raise ValueError(f"Argument `batch` must be at least 1, but has {self.batch}.")
