"""Attentions by name, what is known of their errors, and statistics over seeds and lengths."""

import math
import re
from collections.abc import Callable, Sequence

import numpy as np
import scipy
from jaxtyping import Bool, Float

from nam_jax import measure, theory
from nam_jax._misc import argument_error
from nam_jax._types import Key
from nam_jax.attention import AbstractAttention, DenseAttention, FeatureMap, HebbianAttention
from nam_jax.memory import RectifiedPower

Maker = Callable[[Key], AbstractAttention]
"""Makes an attention from a random key."""


def attention_named(name: str, head_size: int) -> Maker:
    """The maker of the attention of that name: softmax, rectified-N, hebbian or features.

    Raises:
        ValueError: On another name.
    """
    if name == "softmax":
        return lambda key: DenseAttention.softmax(head_size)
    if name == "hebbian":
        return lambda key: HebbianAttention()
    if name == "features":
        return lambda key: HebbianAttention(FeatureMap(head_size, head_size, key=key))
    n = _power(name)
    if n is None:
        known = "softmax, rectified-N (N from 2 on), hebbian, features"
        raise argument_error("attentions", f"name attentions among {known}", repr(name))
    return lambda key: DenseAttention(RectifiedPower(n))


def _power(name: str) -> int | None:
    """n of those attentions that are sums under powers of overlaps."""
    if name == "hebbian":
        return 2
    found = re.fullmatch(r"rectified-([2-9]|[1-9]\d)", name)
    return None if found is None else int(found[1])


def predicted(name: str, pairs: int, head_size: int, num_values: int) -> float:
    """The accuracy of random keys and codes of `head_size`; NaN where there is no closed form."""
    n = _power(name)
    if n is None:
        return math.nan
    return 1 - theory.superposition_error(
        pairs, head_size, head_size, num_values, n=n, rectified=name != "hebbian"
    )


def predicted_failure(name: str, accuracy: float, head_size: int, num_values: int) -> float:
    """The number of pairs at which that accuracy is `accuracy`."""
    n = _power(name)
    if n is None:
        return math.nan
    return theory.superposition_capacity(
        1 - accuracy, head_size, head_size, num_values, n=n, rectified=name != "hebbian"
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
    wilson = np.array([[measure.rate(each)[1:3] for each in row] for row in pooled])
    low = np.minimum(np.clip(middle - spread, 0, 1), wilson[..., 0])
    high = np.maximum(np.clip(middle + spread, 0, 1), wilson[..., 1])
    return middle, low, high
