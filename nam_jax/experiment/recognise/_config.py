"""Settings of `nam-jax recognise`."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from nam_jax.record import Count, Flips, Positive, Seed, Whole

Counts = Annotated[tuple[Count, ...], Meta(min_length=1)]
Fractions = Annotated[tuple[Flips, ...], Meta(min_length=1)]
Positives = Annotated[tuple[Positive, ...], Meta(min_length=1)]


@dataclass(frozen=True)
class RecogniseConfig:
    """The memories to store, and the cues to show."""

    num_neurons: Annotated[Whole, Meta(ge=8)] = 64
    """N."""
    num_patterns: Counts = (20, 200, 600)
    """Numbers K of stored random patterns; kappa = K / (N^2 / 2) is the load."""
    levels: Fractions = (0.05, 0.15, 0.25, 0.35)
    """Fractions of flipped bits in known cues."""
    gains: Positives = (0.01, 0.9, 1.5, 3.0)
    """Leaks of the neurons in units of beta M0 N."""
    gain: Positive = 0.9
    """The gain for the operating curves of the figure; one of `gains`."""
    margin: Positive = 0.2
    """Margin of the certificate."""
    num_cues: Annotated[Whole, Meta(ge=2)] = 100
    """Number of known cues of each level, and of unknown cues, which are patterns not stored."""
    seed: Seed = 0
    """Seed of everything random."""

    def bytes_needed(self) -> dict[tuple[str, ...], float | int]:
        """Returns the bytes of the patterns, of all cues, and of N x N eigenvectors."""
        size, cues = self.num_neurons, self.num_cues * (len(self.levels) + 1)
        return {
            ("num_neurons",): 4 * size**2,
            ("num_neurons", "num_patterns"): 4 * size * max(self.num_patterns),
            ("num_neurons", "num_cues", "levels"): 4 * size * cues,
        }
