"""Settings of `nam-jax basin`."""

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from nam_jax.experiment.common import MEMORIES
from nam_jax.record import Count, Flips, Seed, Whole

Counts = Annotated[tuple[Count, ...], Meta(min_length=1)]
Shares = Annotated[tuple[Flips, ...], Meta(min_length=1)]


@dataclass(frozen=True)
class BasinConfig:
    """The memory, its numbers of patterns, and the damage of the cues."""

    memory: Annotated[str, MEMORIES.doc("The memory")] = "power-3"
    num_neurons: Annotated[Whole, Meta(ge=4)] = 64
    """N."""
    num_patterns: Counts = (50, 150, 300)
    """Numbers of patterns K."""
    flips: Shares = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5)
    """Fractions of flipped bits of the cues."""
    overlap: Annotated[float, Meta(gt=0, le=1)] = 0.95
    """The least overlap that counts as having reached a state."""
    updates: Literal["one-by-one", "all-at-once"] = "one-by-one"
    """In which order neurons of a binary network are updated."""
    num_sets: Annotated[Whole, Meta(ge=2)] = 40
    """Independent sets of patterns."""
    num_queries: Count = 10
    """Cues of each set and fraction."""
    fast: bool = False
    """A quarter of the sets."""
    seed: Seed = 0
    """Seed of everything random."""

    def bytes_needed(self) -> dict[tuple[str, ...], float | int]:
        """Returns the bytes of the patterns of a set, in three dtypes, and of resamples."""
        size, most = self.num_neurons, max(self.num_patterns)
        sets = max(2, self.num_sets // 4) if self.fast else self.num_sets
        return {
            ("num_neurons", "num_patterns"): 13 * size * most,
            ("num_neurons", "num_queries"): 4 * size * min(self.num_queries, most),
            ("num_sets",): 8000 * sets,
        }
