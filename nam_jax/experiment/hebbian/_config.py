"""Settings of `nam-jax hebbian`."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from nam_jax.record import Count, Seed, Whole


@dataclass(frozen=True)
class HebbianConfig:
    """Sizes, the error that defines capacity, and the numbers of scanned coefficients."""

    num_neurons: Annotated[Whole, Meta(ge=50)] = 200
    """N for patterns of -1 and +1."""
    sparse_neurons: Annotated[Whole, Meta(ge=50)] = 400
    """N for patterns of 0 and 1."""
    activity: Annotated[float, Meta(ge=0.05, le=0.3)] = 0.1
    """a, the share of ones in patterns of 0 and 1."""
    error: Annotated[float, Meta(ge=1e-3, le=0.2)] = 0.01
    """Wrong bits over 2 a N after one step from a stored pattern, at capacity. For patterns of -1
    and +1 this is the probability of a wrong bit."""
    map_points: Annotated[Whole, Meta(ge=3)] = 17
    """Number of points along each coefficient at which theory is computed."""
    grid_points: Annotated[Whole, Meta(ge=2)] = 5
    """Number of simulated points along each coefficient."""
    num_sets: Annotated[Whole, Meta(ge=8)] = 256
    """Independent sets of patterns at each simulated point."""
    num_queries: Count = 4
    """Number of patterns of each set whose errors are counted."""
    steps: Annotated[Whole, Meta(ge=2)] = 150
    """Steps of the gradient ascent."""
    fast: bool = False
    """A coarse map, nine simulated points, half the sets: under two minutes on two cores."""
    seed: Seed = 0
    """Seed of everything random."""

    def bytes_needed(self) -> dict[tuple[str, ...], float | int]:
        """Returns the bytes of N x N weights, of random keys, and of the map of theory."""
        sets = self.num_sets // 2 if self.fast else self.num_sets
        return {
            ("num_neurons",): 4 * self.num_neurons**2,
            ("sparse_neurons",): 4 * self.sparse_neurons**2,
            ("num_sets",): 8 * sets,
            ("steps",): 0 if self.fast else 32 * self.steps,
            ("map_points",): 0 if self.fast else 8 * self.map_points**2,
            ("grid_points",): 0 if self.fast else 8 * self.grid_points**2,
        }
