"""Settings of `nam-jax basin`."""

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from nam_jax.experiment.common import MEMORIES
from nam_jax.record import Seed

Share = Annotated[float, Meta(ge=0, le=0.5)]
Counts = Annotated[tuple[Annotated[int, Meta(ge=1)], ...], Meta(min_length=1)]
Shares = Annotated[tuple[Share, ...], Meta(min_length=1)]


@dataclass(frozen=True)
class BasinConfig:
    """The memory, its numbers of patterns, and the damage of the cues."""

    memory: Annotated[str, MEMORIES.doc("The memory")] = "power-3"
    num_neurons: Annotated[int, Meta(ge=4)] = 64
    """N."""
    num_patterns: Counts = (50, 150, 300)
    """Numbers of patterns K."""
    flips: Shares = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5)
    """Fractions of flipped bits of the cues."""
    overlap: Annotated[float, Meta(gt=0, le=1)] = 0.95
    """The least overlap that counts as having reached a state."""
    updates: Literal["one-by-one", "all-at-once"] = "one-by-one"
    """In which order neurons of a binary network are updated."""
    num_sets: Annotated[int, Meta(ge=2)] = 40
    """Independent sets of patterns."""
    num_queries: Annotated[int, Meta(ge=1)] = 10
    """Cues of each set and fraction."""
    fast: bool = False
    """A quarter of the sets."""
    seed: Seed = 0
    """Seed of everything random."""
