"""The attentions that names make, laws of their errors, and statistics over seeds and lengths."""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy
from jaxtyping import Array, Bool, Float

from nam_jax import measure, theory
from nam_jax._types import Key
from nam_jax.attention import (
    AbstractAttention,
    AstrocyteAttention,
    DenseAttention,
    FeatureMap,
    HebbianAttention,
    RandomFeatures,
    Transformer,
)
from nam_jax.experiment.transformer._config import TransformerConfig
from nam_jax.experiment.transformer._energy import EnergyTransformer
from nam_jax.memory import AbstractSeparation, Power, RectifiedPower

Network = Transformer | EnergyTransformer
"""A network from tokens to logits."""


class Attention(NamedTuple):
    """One kind of attention, and the network that is made with it.

    Attributes:
        network: Function of the settings, the codes of tokens, (V, D), and a random key that
            returns the network before training.
        power: n, if the weights are overlaps to the power n - 1, for which a law of random codes
            is known; otherwise None.
        rectified: Whether overlaps below 0 have no weight.
    """

    network: Callable[[TransformerConfig, Float[Array, "V D"], Key], Network]
    power: int | None = None
    rectified: bool = False

    def predicted(self, pairs: int, head_size: int, num_values: int) -> float:
        """Returns the accuracy that theory predicts for random codes; NaN if no law is known.

        Args:
            pairs: Number K of stored pairs.
            head_size: Numbers in a key or value.
            num_values: Number of tokens among which the answer is chosen.
        """
        if self.power is None:
            return math.nan
        sizes = head_size, head_size, num_values
        return 1 - theory.superposition_error(pairs, *sizes, n=self.power, rectified=self.rectified)

    def predicted_failure(self, accuracy: float, head_size: int, num_values: int) -> float:
        """Returns the number of pairs K at which `predicted` is `accuracy`; NaN if no law is known.

        Args:
            accuracy: The accuracy, in (0, 1).
            head_size: Numbers in a key or value.
            num_values: Number of tokens among which the answer is chosen.
        """
        if self.power is None:
            return math.nan
        sizes = head_size, head_size, num_values
        return theory.superposition_capacity(
            1 - accuracy, *sizes, n=self.power, rectified=self.rectified
        )


def of_heads(make: Callable[[int, Key], AbstractAttention], **law: Any) -> Attention:
    """Returns a kind of attention in a Transformer.

    Args:
        make: Function of the size of a head and a random key that returns the attention.
        law: The other attributes.
    """

    def network(config: TransformerConfig, codes: Float[Array, "V D"], key: Key) -> Transformer:
        return Transformer(
            codes, config.num_values, functools.partial(make, config.head_size),
            num_blocks=config.num_blocks, head_size=config.head_size, key=key,
        )  # fmt: skip

    return Attention(network, **law)


def softmax() -> Attention:
    """Returns scaled dot-product attention, which is a pass of the modern Hopfield network."""
    return of_heads(lambda head_size, key: DenseAttention.softmax(head_size))


def dense(separation: Callable[..., AbstractSeparation], **numbers: Any) -> Attention:
    """Returns the attention whose separation function is `separation(**numbers)`."""
    made = separation(**numbers)
    return of_heads(
        lambda head_size, key: DenseAttention(made),
        power=made.n if isinstance(made, Power | RectifiedPower) else None,
        rectified=isinstance(made, RectifiedPower),
    )


def hebbian() -> Attention:
    """Returns linear attention, which is a correlation matrix."""
    return of_heads(lambda head_size, key: HebbianAttention(), power=2)


def features() -> Attention:
    """Returns linear attention with a trained feature map of `head_size` features."""
    return of_heads(
        lambda head_size, key: HebbianAttention(FeatureMap(head_size, head_size, key=key))
    )


def astrocyte(num_features: int = 64) -> Attention:
    """Returns attention by synapses and calcium, with positive random features of exp(q . k)."""
    return of_heads(
        lambda head_size, key: AstrocyteAttention(
            RandomFeatures(head_size, num_features, orthogonal=True, key=key)
        )
    )


def energy_block() -> Attention:
    """Returns blocks of the Energy Transformer, in place of those of a Transformer."""
    return Attention(lambda config, codes, key: EnergyTransformer(config, codes, key=key))


def failure(pairs: Sequence[int], accuracy: Float[np.ndarray, " lengths"], least: float) -> float:
    """Returns the number of pairs K at which accuracy first falls below `least`.

    It is infinite if accuracy never does, and the first tested number if accuracy is below from the
    start. Between two tested numbers, accuracy is taken as linear in log K: with accuracies 0.9 at
    10 pairs and 0.5 at 40, the answer for 0.7 is 20.

    Args:
        pairs: Ascending numbers of pairs that were tested.
        accuracy: The accuracy at each of them.
        least: The threshold.
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
    """Returns mean, low and high end of the accuracy over seeds, each (attentions, lengths).

    Each end is the outer one of two 95 % intervals. Student's interval over seeds has no width
    where all seeds are perfect. Wilson's interval over all sequences ignores that networks differ.

    Args:
        right: Whether each tested sequence was answered.
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
