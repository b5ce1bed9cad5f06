"""Settings of `nam-jax hebbian`."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from nam_jax.record import Seed


@dataclass(frozen=True)
class HebbianConfig:
    """Sizes, the error that defines capacity, and the numbers of scanned coefficients."""

    num_neurons: Annotated[int, Meta(ge=50)] = 200
    """N for patterns of -1 and +1."""
    sparse_neurons: Annotated[int, Meta(ge=50)] = 400
    """N for patterns of 0 and 1."""
    activity: Annotated[float, Meta(ge=0.05, le=0.3)] = 0.1
    """a, the share of ones in patterns of 0 and 1."""
    error: Annotated[float, Meta(ge=1e-3, le=0.2)] = 0.01
    """Wrong bits over 2 a N after one step from a stored pattern, at capacity. For patterns of -1
    and +1 this is the probability of a wrong bit."""
    map_points: Annotated[int, Meta(ge=3)] = 17
    """Number of points along each coefficient at which theory is computed."""
    grid_points: Annotated[int, Meta(ge=2)] = 5
    """Number of simulated points along each coefficient."""
    num_sets: Annotated[int, Meta(ge=8)] = 256
    """Independent sets of patterns at each simulated point."""
    num_queries: Annotated[int, Meta(ge=1)] = 4
    """Number of patterns of each set whose errors are counted."""
    steps: Annotated[int, Meta(ge=2)] = 150
    """Steps of the gradient ascent."""
    fast: bool = False
    """A coarse map, nine simulated points, half the sets: under two minutes on two cores."""
    seed: Seed = 0
    """Seed of everything random."""
