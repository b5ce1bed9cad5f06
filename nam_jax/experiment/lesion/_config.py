"""Settings of `nam-jax lesion`."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from nam_jax.record import Seed

Share = Annotated[float, Meta(ge=0, le=1)]
Positive = Annotated[float, Meta(gt=0)]
Length = Annotated[float, Meta(ge=0)]
Shares = Annotated[tuple[Share, ...], Meta(min_length=1)]
Lengths = Annotated[tuple[Length, ...], Meta(min_length=1)]
Tones = Annotated[tuple[float, ...], Meta(min_length=1)]


@dataclass(frozen=True)
class LesionConfig:
    """The memories to store, and the changes to the astrocyte that holds them."""

    num_neurons: Annotated[int, Meta(ge=4, le=64)] = 32
    """N. Tensors are dense: they have N^4 entries."""
    num_patterns: Annotated[int, Meta(ge=1)] = 16
    """K, random patterns in each set."""
    num_sets: Annotated[int, Meta(ge=2)] = 6
    """Independent sets of patterns; every set has its own astrocyte and its own random lesions."""
    num_cues: Annotated[int, Meta(ge=1)] = 16
    """Cues of each set; a point of a curve has `num_sets` times as many trials."""
    level: Annotated[float, Meta(ge=0, le=0.5)] = 0.15
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
