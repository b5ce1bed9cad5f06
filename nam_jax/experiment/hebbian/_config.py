"""Settings of `nam-jax hebbian`."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from nam_jax.record import Seed


@dataclass(frozen=True)
class HebbianConfig:
    """Sizes, the error at which capacity is meant, and how finely coefficients are scanned."""

    num_neurons: Annotated[int, Meta(ge=50)] = 200
    """N for patterns of -1 and +1."""
    sparse_neurons: Annotated[int, Meta(ge=50)] = 400
    """N for patterns of 0 and 1."""
    activity: Annotated[float, Meta(ge=0.05, le=0.3)] = 0.1
    """a, the share of ones in patterns of 0 and 1."""
    error: Annotated[float, Meta(ge=1e-3, le=0.2)] = 0.01
    """Wrong bits over 2 a N after one step from a stored pattern, at capacity; for patterns of -1
    and +1 the probability of a wrong bit."""
    map_points: Annotated[int, Meta(ge=3)] = 17
    """Points of the theory's map along each coefficient."""
    grid_points: Annotated[int, Meta(ge=2)] = 5
    """Simulated points along each coefficient."""
    num_sets: Annotated[int, Meta(ge=8)] = 256
    """Independent sets of patterns at each simulated point."""
    num_queries: Annotated[int, Meta(ge=1)] = 4
    """Patterns of each set that are judged."""
    steps: Annotated[int, Meta(ge=2)] = 150
    """Of the gradient ascent."""
    fast: bool = False
    """A coarse map, nine simulated points, half the sets: under two minutes on two cores."""
    seed: Seed = 0
    """Seed of everything random."""
