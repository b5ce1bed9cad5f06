"""Settings of `nam-jax hierarchy`."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

from msgspec import Meta

from nam_jax.record import Count, Fraction, Positive, Seed, Whole

PIXELS = 64
"""Pixels of a digit."""


@dataclass(frozen=True)
class HierarchyConfig:
    """The networks, the digits that they learn, and how they are trained."""

    single: Annotated[tuple[Count, ...], Meta(min_length=1)] = (128,)
    """Units of the hidden layer of each network that has one."""
    double: tuple[tuple[Count, Count], ...] = ((64, 64), (80, 38))
    """Units of both hidden layers of each network that has two, from the pixels upwards."""
    maps: Count = 16
    """Maps of features of the convolutional network."""
    top: Count = 55
    """Units of the top layer of the convolutional network."""
    num_stored: Annotated[int, Meta(ge=2, le=1797)] = 60
    """Number K of digits, drawn anew for each seed."""
    hidden: Fraction = 0.5
    """Share of the pixels that are unknown."""
    strength: Positive = 4.0
    """kappa, with which known pixels are held."""
    tolerance: Annotated[float, Meta(ge=1e-6, le=1e-2)] = 0.0001
    """Relative and absolute tolerance of the steps of a recall. A recall is at rest at a residual
    of 0.002; with a tolerance of a tenth of it, the errors of steps can keep it from rest."""
    steps: Count = 500
    """Steps of training."""
    batch_size: Count = 24
    """Digits a step, at most K."""
    learning_rate: Positive = 0.01
    """Learning rate of Adam at the first step; it falls as a cosine."""
    num_seeds: Annotated[Whole, Meta(ge=2)] = 5
    """Independent sets of digits, first weights and batches; intervals are over them."""
    num_masks: Count = 4
    """Cues of each digit, with other random pixels unknown."""
    fast: bool = False
    """Two seeds and a fifth of the steps, without the convolutional network."""
    seed: Seed = 0
    """Seed of everything random."""

    @property
    def chains(self) -> tuple[tuple[int, ...], ...]:
        """The sizes of the hidden layers of each network that is a chain."""
        return *((size,) for size in self.single), *self.double

    def bytes_needed(self) -> dict[tuple[str, ...], float | int]:
        """Returns the bytes of weights and their gradients, of states, and of the results."""
        rows = [(PIXELS, *sizes) for sizes in self.chains]
        chained = max(sum(a * b for a, b in pairwise(row)) for row in rows)
        convolved = self.maps * (16 + 9 * self.top)
        batch = min(self.batch_size, self.num_stored)
        units = max([sum(row) for row in rows] + [PIXELS + 9 * self.maps + self.top])
        return {
            ("single", "double", "batch_size"): 12 * chained * batch,
            ("maps", "top", "batch_size"): 12 * convolved * batch,
            ("single", "double", "maps", "top", "num_masks", "num_stored"): (
                40 * units * self.num_masks * self.num_stored
            ),
            ("num_seeds",): 1000 * self.num_seeds,
        }
