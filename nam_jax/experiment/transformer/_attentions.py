"""What names of attentions make, laws of their errors, and statistics over seeds and lengths."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy
from jaxtyping import Bool, Float

from nam_jax import measure, theory
from nam_jax._types import Key
from nam_jax.attention import AbstractAttention, DenseAttention, FeatureMap, HebbianAttention
from nam_jax.memory import AbstractSeparation, Power, RectifiedPower


class Attention(NamedTuple):
    """One kind of attention.

    Attributes:
        make: From the size of a head and a random key to the attention.
        power: n where weights are overlaps to the power n - 1, which has a law of random codes.
        rectified: Whether overlaps below 0 have no weight.
    """

    make: Callable[[int, Key], AbstractAttention]
    power: int | None = None
    rectified: bool = False

    def predicted(self, pairs: int, head_size: int, num_values: int) -> float:
        """The accuracy of random keys and codes of `head_size`; NaN where no law is known."""
        if self.power is None:
            return math.nan
        sizes = head_size, head_size, num_values
        return 1 - theory.superposition_error(pairs, *sizes, n=self.power, rectified=self.rectified)

    def predicted_failure(self, accuracy: float, head_size: int, num_values: int) -> float:
        """The number of pairs at which that accuracy is `accuracy`."""
        if self.power is None:
            return math.nan
        sizes = head_size, head_size, num_values
        return theory.superposition_capacity(
            1 - accuracy, *sizes, n=self.power, rectified=self.rectified
        )


def softmax() -> Attention:
    """Scaled dot-product attention, a pass of the modern Hopfield network."""
    return Attention(lambda head_size, key: DenseAttention.softmax(head_size))


def dense(separation: Callable[..., AbstractSeparation], **numbers: Any) -> Attention:
    """The attention whose separation function is `separation(**numbers)`."""
    made = separation(**numbers)
    return Attention(
        lambda head_size, key: DenseAttention(made),
        made.n if isinstance(made, Power | RectifiedPower) else None,
        isinstance(made, RectifiedPower),
    )


def hebbian() -> Attention:
    """Linear attention, a correlation matrix."""
    return Attention(lambda head_size, key: HebbianAttention(), power=2)


def features() -> Attention:
    """Linear attention of a trained feature map with as many features as a head has numbers."""
    return Attention(
        lambda head_size, key: HebbianAttention(FeatureMap(head_size, head_size, key=key))
    )


def failure(pairs: Sequence[int], accuracy: Float[np.ndarray, " lengths"], least: float) -> float:
    """The number of pairs at which accuracy first falls below `least`; infinite if it does not.

    Between two tested numbers by a line in log K; the first one if it is below already.
    """
    below = np.flatnonzero(accuracy < least)
    if below.size == 0:
        return math.inf
    place = int(below[0])
    if place == 0:
        return float(pairs[0])
    before, after = accuracy[place - 1], accuracy[place]
    share = (before - least) / (before - after)
    return float(pairs[place - 1] * (pairs[place] / pairs[place - 1]) ** share)


def over_seeds(
    right: Bool[np.ndarray, "attentions seeds lengths sequences"],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean over seeds, and the wider of two 95 % intervals at each end, (attentions, lengths) each.

    Student's over seeds, which is empty where all of them are perfect, and Wilson's over all
    sequences, which does not know that networks differ.
    """
    by_seed = right.mean(axis=-1)
    seeds = by_seed.shape[1]
    middle = by_seed.mean(axis=1)
    spread = scipy.stats.t.ppf(0.975, seeds - 1) * by_seed.std(axis=1, ddof=1) / math.sqrt(seeds)
    pooled = right.swapaxes(1, 2)
    wilson = np.array([[measure.rate(sequences)[1:3] for sequences in row] for row in pooled])
    low = np.minimum(np.clip(middle - spread, 0, 1), wilson[..., 0])
    high = np.maximum(np.clip(middle + spread, 0, 1), wilson[..., 1])
    return middle, low, high
