"""Settings of `nam-jax lesion`."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from nam_jax.record import AtMost, Count, Flips, Number, Positive, Seed, Share, Whole

Length = Annotated[AtMost, Meta(ge=0)]
Shares = Annotated[tuple[Share, ...], Meta(min_length=1)]
Lengths = Annotated[tuple[Length, ...], Meta(min_length=1)]
Tones = Annotated[tuple[Number, ...], Meta(min_length=1)]


@dataclass(frozen=True)
class LesionConfig:
    """The memories to store, and the changes to the astrocyte that holds them."""

    num_neurons: Annotated[int, Meta(ge=4, le=64)] = 32
    """N. Tensors are dense: they have N^4 entries."""
    num_patterns: Count = 16
    """K, random patterns in each set."""
    num_sets: Annotated[Whole, Meta(ge=2)] = 6
    """Independent sets of patterns; every set has its own astrocyte and its own random lesions."""
    num_cues: Count = 16
    """Cues of each set; a point of a curve has `num_sets` times as many trials."""
    level: Flips = 0.15
    """Fraction of flipped bits in a cue."""
    margin: Positive = 0.1
    """Margin of the certificate before any lesion."""
    gain: Positive = 0.9
    """Leak of the neurons in units of beta M0 N."""
    cuts: Shares = (0.0, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 0.9, 1.0)
    """Fractions of single fluxes that are cut, and fractions of processes that are isolated."""
    radii: Lengths = (0.0, 30.0, 60.0, 65.0, 70.0, 75.0, 80.0, 120.0)
    """Largest distance along the branches over which calcium is exchanged, in micrometres."""
    tones: Tones = (-8.0, -4.0, -2.0, 0.0, 1.0, 2.0, 4.0, 8.0)
    """Constant inputs d to every astrocyte process, dimensionless."""
    couplings: Shares = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 1.0)
    """Gap-junction couplings between two astrocytes that share the processes."""
    end_time: Positive = 30.0
    """Longest time of a recall that integrates all three layers, in time constants."""
    seed: Seed = 0
    """Seed of everything random."""

    def bytes_needed(self) -> dict[tuple[str, ...], float | int]:
        """Returns the bytes of the dense tensors of all sets, and of their patterns and cues."""
        size, sets = self.num_neurons, self.num_sets
        return {
            ("num_neurons", "num_sets"): 4 * size**4 * sets,
            ("num_patterns", "num_sets"): 4 * self.num_patterns * size * sets,
            ("num_patterns", "num_neurons"): 16 * self.num_patterns * size,
            ("num_cues", "num_sets"): 4 * self.num_cues * size * sets,
        }
