"""Settings of `nam-jax gradients`."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from nam_jax.record import Count, Fraction, Positive, Seed, Whole

Sizes = Annotated[tuple[Annotated[Whole, Meta(ge=4)], ...], Meta(min_length=1)]
Counts = Annotated[tuple[Count, ...], Meta(min_length=1)]
Positives = Annotated[tuple[Positive, ...], Meta(min_length=1)]
Distances = Annotated[tuple[Fraction, ...], Meta(min_length=1)]


@dataclass(frozen=True)
class GradientsConfig:
    """Networks whose gradients are compared, and the settings of the routes."""

    num_neurons: Sizes = (32, 128)
    """Numbers of neurons N."""
    num_patterns: Counts = (8, 64)
    """Numbers of random patterns K; every N is combined with every K."""
    margins: Positives = (0.1, 1.0)
    """Margins of the certificate. With a smaller margin a critical point of (s, p) is nearer."""
    distances: Distances = (0.7, 0.5, 0.3, 0.1, 0.03, 0.01, 0.001)
    """Values of 1 - (neural leak) / (critical leak). Near 1 the network is saturated, near 0 it is
    about to lose its pattern."""
    nudges: Positives = (0.05, 0.02, 0.01, 0.005, 0.002, 0.001)
    """Nudges of equilibrium propagation, in units of a neuron's restoring force."""
    steps: Counts = (1, 5, 20, 80)
    """Steps of the truncated route."""
    num_directions: Count = 6
    """Number of random directions, along which derivatives are taken, for each array."""
    rounds: Annotated[Whole, Meta(ge=0)] = 7
    """Number of timings; their median is reported. 0: no times are measured."""
    fast: bool = False
    """Uses the first N, the first K and the last margin only, with at most three distances, three
    nudges and two numbers of steps."""
    seed: Seed = 0
    """Seed of everything random."""

    def bytes_needed(self) -> dict[tuple[str, ...], float | int]:
        """Returns the bytes of states of N x N synapses and processes, and of patterns, float64."""
        sizes, counts = self.num_neurons, self.num_patterns
        size, count = (sizes[0], counts[0]) if self.fast else (max(sizes), max(counts))
        return {
            ("num_neurons",): 32 * size**2,
            ("num_neurons", "num_patterns"): 8 * size * count,
            ("num_neurons", "num_directions"): 8 * size * self.num_directions,
        }
