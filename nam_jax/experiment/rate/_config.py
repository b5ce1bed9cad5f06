"""Settings of `nam-jax rate`."""

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from nam_jax.experiment.common import MEMORIES
from nam_jax.record import Count, Flips, Positive, Seed, Whole


@dataclass(frozen=True)
class RateConfig:
    """The memory, its load, and the damage of its cues."""

    memory: Annotated[str, MEMORIES.doc("The memory")] = "power-3"
    num_neurons: Annotated[Whole, Meta(ge=4)] = 64
    """N."""
    num_patterns: Count | None = None
    """Number of patterns K; left out: given by the load."""
    load: Positive | None = None
    """K / N, in place of `num_patterns`; K is rounded, and at least 1. 0.1 if both are left out."""
    flips: Flips = 0.1
    """Fraction of flipped bits of the cues."""
    overlap: Annotated[float, Meta(gt=0, le=1)] = 0.95
    """The least overlap that counts as recalled."""
    updates: Literal["one-by-one", "all-at-once"] = "one-by-one"
    """In which order neurons of a binary network are updated."""
    num_sets: Count = 16
    """Independent sets of patterns; in a sweep over many seeds 1 is enough."""
    num_queries: Count = 8
    """Cues of each set, of its first patterns; at most K."""
    fast: bool = False
    """A quarter of the sets."""
    seed: Seed = 0
    """Seed of everything random."""

    @property
    def stored(self) -> int:
        """K."""
        if self.num_patterns is not None:
            return self.num_patterns
        load = 0.1 if self.load is None else self.load
        return max(1, round(load * self.num_neurons))

    @property
    def sets(self) -> int:
        """The number of sets that are measured."""
        return max(1, self.num_sets // 4) if self.fast else self.num_sets

    @property
    def queries(self) -> int:
        """The number of cues of each set."""
        return min(self.num_queries, self.stored)

    def bytes_needed(self) -> dict[tuple[str, ...], float | int]:
        """Returns the bytes of the patterns of a set and of the cues of all sets."""
        size, stored = self.num_neurons, self.stored
        return {
            ("num_neurons", "num_patterns" if self.load is None else "load"): 8 * size * stored,
            ("num_sets", "num_queries", "num_neurons"): 8 * self.sets * self.queries * size,
        }

    def seconds_needed(self) -> float:
        """Returns the seconds of about twenty passes over the patterns for each cue."""
        passes = 20 * self.sets * self.queries
        return 1e-3 + 2e-9 * passes * self.num_neurons * self.stored
