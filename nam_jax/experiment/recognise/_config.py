"""Settings of `nam-jax recognise`."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from nam_jax.record import Seed

Positive = Annotated[float, Meta(gt=0)]
Fraction = Annotated[float, Meta(ge=0, le=0.5)]
Counts = Annotated[tuple[Annotated[int, Meta(ge=1)], ...], Meta(min_length=1)]
Fractions = Annotated[tuple[Fraction, ...], Meta(min_length=1)]
Positives = Annotated[tuple[Positive, ...], Meta(min_length=1)]


@dataclass(frozen=True)
class RecogniseConfig:
    """The memories to store, and the cues to show."""

    num_neurons: Annotated[int, Meta(ge=8)] = 64
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
    num_cues: Annotated[int, Meta(ge=2)] = 100
    """Number of known cues of each level, and of unknown cues, which are patterns not stored."""
    seed: Seed = 0
    """Seed of everything random."""
