"""Settings of `nam-jax setwise`."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from nam_jax.record import Count, Flips, Fraction, Seed, Whole

Sizes = Annotated[tuple[Annotated[Whole, Meta(ge=6)], ...], Meta(min_length=1)]
Loads = Annotated[tuple[Fraction, ...], Meta(min_length=1)]
Shares = Annotated[tuple[Flips, ...], Meta(min_length=1)]


@dataclass(frozen=True)
class SetwiseConfig:
    """Sizes, loads and damage of the memories, and the trials."""

    sizes: Sizes = (60, 100)
    """Numbers of neurons N."""
    loads: Loads = (0.05, 0.1, 0.15, 0.2, 0.3)
    """Numbers of patterns over numbers of neurons, K / N; K is rounded and at least 2."""
    flips: Shares = (0.1, 0.2, 0.3)
    """Fractions of flipped bits of the cues."""
    overlap: Annotated[float, Meta(gt=0, le=1)] = 0.95
    """The least final overlap that counts as recall."""
    num_complexes: Annotated[Whole, Meta(ge=2)] = 8
    """Independent random complexes (collections of sets of neurons) of each kind."""
    num_sets: Count = 32
    """Independent sets of patterns of each complex, with one cue each."""
    winner_size: Annotated[Whole, Meta(ge=6)] = 60
    """Neurons N of the memory that recognises a pattern by one exponent."""
    winner_patterns: Annotated[Whole, Meta(ge=2)] = 600
    """Patterns K of that memory."""
    winner_flips: Shares = (0.2, 0.3)
    """Fractions of flipped bits of its cues."""
    winner_queries: Count = 250
    """Its cues for each complex."""
    fast: bool = False
    """The first size, four complexes, 16 sets of patterns: under a minute."""
    seed: Seed = 0
    """Seed of everything random."""

    def bytes_needed(self) -> dict[tuple[str, ...], float | int]:
        """Returns the bytes of weights and partners of all trials, patterns, and products."""
        size, other = self.sizes[0] if self.fast else max(self.sizes), self.winner_size
        complexes = min(4, self.num_complexes) if self.fast else self.num_complexes
        sets = min(16, self.num_sets) if self.fast else self.num_sets
        trials = complexes * sets
        cues = complexes * self.winner_queries
        return {
            ("sizes", "num_complexes", "num_sets"): 16 * size**2 * trials,
            ("sizes", "num_complexes"): 32 * size**2 * complexes,
            ("sizes", "loads", "num_complexes", "num_sets"): 4 * size**2 * max(self.loads) * trials,
            ("winner_size", "winner_patterns"): 3 * other**2 * self.winner_patterns,
            ("winner_size", "winner_queries", "num_complexes"): other * cues,
        }
