"""Settings of `nam-jax gradients`."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from nam_jax.record import Seed

Positive = Annotated[float, Meta(gt=0)]
Distance = Annotated[float, Meta(gt=0, lt=1)]
Count = Annotated[int, Meta(ge=1)]
Sizes = Annotated[tuple[Annotated[int, Meta(ge=4)], ...], Meta(min_length=1)]
Counts = Annotated[tuple[Count, ...], Meta(min_length=1)]
Positives = Annotated[tuple[Positive, ...], Meta(min_length=1)]
Distances = Annotated[tuple[Distance, ...], Meta(min_length=1)]


@dataclass(frozen=True)
class GradientsConfig:
    """Networks whose gradients are judged, and the settings of the routes."""

    num_neurons: Sizes = (32, 128)
    """N."""
    num_patterns: Counts = (8, 64)
    """K, random patterns; every N with every K."""
    margins: Positives = (0.1, 1.0)
    """Margins of the certificate; the smaller, the nearer is a critical point of (s, p)."""
    distances: Distances = (0.7, 0.5, 0.3, 0.1, 0.03, 0.01, 0.001)
    """1 - neural leak over the critical one: near 1 saturated, near 0 about to lose its pattern."""
    nudges: Positives = (0.05, 0.02, 0.01, 0.005, 0.002, 0.001)
    """Nudges of equilibrium propagation, in units of a neuron's restoring force."""
    steps: Counts = (1, 5, 20, 80)
    """Steps of the truncated route."""
    num_directions: Count = 6
    """Random directions for each array of parameters, along which derivatives are compared."""
    rounds: Annotated[int, Meta(ge=0)] = 7
    """Timings of which the median is taken; 0 for no times."""
    fast: bool = False
    """The first N, K and margin only, three distances, three nudges and two step numbers."""
    seed: Seed = 0
    """Seed of everything random."""
