"""Settings of `nam-jax predictive`."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from nam_jax.record import Count, Fraction, Positive, Seed, Whole

Stored = Annotated[int, Meta(ge=2, le=1797)]
Correlation = Annotated[float, Meta(gt=-1, lt=1)]

PIXELS = 64
"""Pixels of a digit."""


@dataclass(frozen=True)
class PredictiveConfig:
    """The digits that are stored, and how networks learn and recall."""

    num_stored: Annotated[tuple[Stored, ...], Meta(min_length=1)] = (16, 64)
    """Numbers K of stored digits, drawn anew for each seed."""
    two_layers: Count = 64
    """Units of the hidden layer of the smaller hierarchical network."""
    three_layers: tuple[Count, Count] = (64, 32)
    """Units of both hidden layers of the larger one, from the pixels upwards."""
    hidden: Fraction = 0.5
    """Share of the pixels that are unknown."""
    epochs: Count = 3000
    """Steps by which a recurrent network learns, each with all digits."""
    learning_rate: Positive = 0.02
    """eta, the rate of this learning."""
    hierarchical_epochs: Count = 600
    """Steps of Adam by which a hierarchical network learns."""
    hierarchical_rate: Positive = 0.003
    """Learning rate of Adam at the first step; it falls as a cosine."""
    steps: Count = 3000
    """Euler steps of a recall by a recurrent network; hierarchical networks make half of them."""
    step: Positive = 0.2
    """Size of an Euler step, in units of the time constant of all layers."""
    correlations: tuple[Correlation, ...] = (0.3, 0.5, 0.8)
    """Correlations of the two variables of the counter-example."""
    num_seeds: Annotated[Whole, Meta(ge=2)] = 5
    """Independent sets of digits, first weights and cues; intervals are over them."""
    num_masks: Count = 4
    """Cues of each digit, with other random pixels unknown."""
    fast: bool = False
    """Two seeds, one cue of each digit, and half of the epochs of the hierarchical networks."""
    seed: Seed = 0
    """Seed of everything random."""

    def bytes_needed(self) -> dict[tuple[str, ...], float | int]:
        """Returns the bytes of weights, of the states of all cues, and of the results."""
        first, second = self.three_layers
        cues = max(self.num_stored) * self.num_masks
        return {
            ("two_layers",): 20 * PIXELS * self.two_layers,
            ("three_layers",): 20 * (PIXELS * first + first * second),
            ("two_layers", "three_layers", "num_stored", "num_masks"): (
                12 * (PIXELS + max(self.two_layers, first + second)) * cues
            ),
            ("num_seeds",): 1000 * self.num_seeds,
            ("correlations",): 100 * len(self.correlations),
        }
