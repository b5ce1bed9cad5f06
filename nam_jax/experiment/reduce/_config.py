"""Settings of `nam-jax reduce`."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from nam_jax.record import AtMost, Count, Flips, Positive, Seed, Whole

Positives = Annotated[tuple[Positive, ...], Meta(min_length=1)]


@dataclass(frozen=True)
class ReduceConfig:
    """The networks to reduce, and their cues."""

    num_neurons: Annotated[Whole, Meta(ge=8)] = 64
    """N."""
    num_patterns: Count = 20
    """K, the number of random patterns."""
    level: Flips = 0.2
    """Fraction of the bits of each cue that are flipped."""
    num_cues: Count = 20
    """Number of cues; each is a damaged copy of one of the first patterns."""
    leaks: tuple[Annotated[AtMost, Meta(ge=0)], ...] = (0.0, 0.1, 1.0)
    """Leaks alpha = gamma of networks with the released parameters."""
    margins: tuple[Positive, ...] = (0.02, 0.2, 1.0)
    """Margins of networks with the certified preset."""
    ratios: Positives = (10.0, 1.0, 0.1)
    """Time constants of synapses and processes, in membrane times."""
    gain: Positive = 0.9
    """Leak of the neurons in units of beta M0 N, for certified networks only."""
    max_time: Positive = 50.0
    """Membrane times after which a recall is read out."""
    seed: Seed = 0
    """Seed of everything random."""

    def bytes_needed(self) -> dict[tuple[str, ...], float | int]:
        """Returns the bytes of N x N synapses and processes, and of random bits and ranks."""
        return {
            ("num_neurons",): 16 * self.num_neurons**2,
            ("num_neurons", "num_patterns"): 16 * self.num_neurons * self.num_patterns,
            ("num_neurons", "num_cues"): 16 * self.num_neurons * self.num_cues,
        }
