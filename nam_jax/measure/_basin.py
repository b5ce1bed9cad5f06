"""`basin`: how often a memory recalls from cues of a given damage, and where other recalls end."""

import math
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, Int

from nam_jax import data, solve
from nam_jax._misc import argument_error, check_key
from nam_jax._precision import full
from nam_jax._types import Key, Keys, Pattern, Patterns
from nam_jax.measure._criterion import Recaller, allowed_errors, one_by_one
from nam_jax.measure._sampling import (
    Maker,
    check_numbers,
    resampled,
    sets_at_once,
    tails,
)

REACHED = ("target", "another", "negative", "mixture", "rest", "unsettled", "spurious")
"""Names of the states in which a recall can end; the first that applies is taken.

* target: the pattern from which the cue was made;
* another: another stored pattern;
* negative: the negative of a stored pattern;
* mixture: the signs of a sum of three stored patterns, each with sign + or -;
* rest: the network is silent;
* unsettled: recall did not come to rest within its limits, or ended in a cycle;
* spurious: any other state.
"""


class Radius(NamedTuple):
    """The fraction of flipped bits at which half of the cues are recalled, with its interval.

    It is infinite if at least half are recalled at every fraction tried, and 0 if fewer than half
    are recalled at the smallest fraction.

    Attributes:
        value: The fraction.
        low: Lower end of its interval.
        high: Upper end of its interval.
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


class Basin(NamedTuple):
    """Shares of recalls by the state in which they end, at increasing damage of cues.

    Attributes:
        flips: Fractions of flipped bits, shape (F,).
        reached: Share of cues that end in each of the 7 states of `REACHED`, shape (F, 7).
        low: Lower ends of the intervals of these shares, shape (F, 7).
        high: Upper ends of the intervals of these shares, shape (F, 7).
        radius: Fraction of flipped bits at which half of the cues are recalled.
        sets: Number of independent sets of patterns; all fractions use the same sets.
        queries: Number of cues for each set and fraction.
    """

    flips: Float[np.ndarray, " F"]
    reached: Float[np.ndarray, "F 7"]
    low: Float[np.ndarray, "F 7"]
    high: Float[np.ndarray, "F 7"]
    radius: Radius
    sets: int
    queries: int


@full
def basin(
    make: Maker,
    num_patterns: int,
    num_neurons: int,
    *,
    key: Key,
    flips: tuple[float, ...] = tuple(round(0.05 * step, 2) for step in range(11)),
    overlap: float = 0.95,
    num_sets: int = 20,
    num_queries: int = 10,
    recall: Recaller = one_by_one,
    confidence: float = 0.95,
) -> Basin:
    """Returns shares of recalls of random patterns, from cues with increasing damage.

    All fractions use the same sets of patterns. Intervals are from the percentile bootstrap over
    sets.

    Args:
        make: Function from patterns of -1 and +1, shape (K, N), to the network that stores them;
            JAX must be able to trace it.
        num_patterns: K.
        num_neurons: N, at least 2.
        key: Random key.
        flips: Fractions of flipped bits, ascending, in [0, 1/2].
        overlap: Smallest overlap with a state of `REACHED` that counts as having reached it, in
            (0, 1].
        num_sets: Number of independent sets of patterns, at least 2.
        num_queries: Number of cues for each set and fraction; at most K are used.
        recall: Function that recalls from a cue; by default neurons are updated one by one.
        confidence: Coverage of the intervals, in (0, 1).

    Raises:
        ValueError: If an argument is outside its range.
    """
    check_key(key)
    check_numbers(1, num_patterns=num_patterns, num_queries=num_queries)
    check_numbers(2, num_neurons=num_neurons, num_sets=num_sets)
    ends_at = tails(confidence)
    if not flips or list(flips) != sorted(set(flips)) or flips[0] < 0 or flips[-1] > 0.5:
        raise argument_error("flips", "hold ascending fractions in [0, 0.5]", flips)
    if not 0 < overlap <= 1:
        raise argument_error("overlap", "lie in (0, 1]", overlap)
    queries = min(num_queries, num_patterns)
    batch = sets_at_once(num_sets, num_patterns, num_neurons)
    shape = (num_patterns, num_neurons)
    keys = jr.split(key, num_sets)
    places = np.asarray(_places(make, recall, shape, flips, overlap, queries, batch, keys))
    by_set = np.stack([(places == i).mean(axis=2) for i in range(len(REACHED))], axis=2)
    over_sets = np.einsum("rs,sfc->rfc", resampled(num_sets, key=key), by_set)
    low, high = np.quantile(over_sets, ends_at, axis=0)
    reached = by_set.mean(axis=0)
    # Radii may be infinite, so quantiles take the nearest radius instead of interpolating.
    radii = [_radius(flips, rates) for rates in over_sets[:, :, 0]]
    ends = np.quantile(radii, ends_at, method="nearest")
    radius = Radius(_radius(flips, reached[:, 0]), float(ends[0]), float(ends[1]))
    return Basin(np.asarray(flips), reached, low, high, radius, num_sets, queries)


@eqx.filter_jit
def _places(
    make: Maker,
    recall: Recaller,
    shape: tuple[int, int],
    flips: tuple[float, ...],
    overlap: float,
    num_queries: int,
    batch: int,
    keys: Keys,
) -> Int[Array, "sets flips queries"]:
    """Returns the index in `REACHED` of the state in which every recall ends."""

    def of_set(key: Key) -> Int[Array, "flips queries"]:
        of_patterns, of_order, of_queries = jr.split(key, 3)
        patterns = data.random_patterns(*shape, key=of_patterns)
        network = make(jr.permutation(of_order, patterns))

        def of_cue(target: Pattern, cue: Pattern, key: Key) -> Int[Array, ""]:
            return _place(recall(network, cue, key), target, patterns, overlap)

        targets = patterns[:num_queries]
        of_flips, of_recall = jax.vmap(jr.split, out_axes=1)(jr.split(of_queries, num_queries))

        def damaged(fraction: float) -> Patterns:
            flip = lambda target, key: data.flip(target, fraction, key=key)  # noqa: E731
            return jax.vmap(flip)(targets, of_flips)

        cues = jnp.stack([damaged(fraction) for fraction in flips])
        return jax.vmap(jax.vmap(of_cue), (None, 0, None))(targets, cues, of_recall)

    return jax.lax.map(of_set, keys, batch_size=batch)


def _place(
    retrieval: solve.Retrieval, target: Pattern, patterns: Patterns, overlap: float
) -> Int[Array, ""]:
    """Returns the index of the first of `REACHED` that applies to a recall."""
    state = jnp.sign(retrieval.pattern)
    size = target.shape[0]
    enough = size - 2 * allowed_errors(size, overlap)
    overlaps = patterns @ state
    result = retrieval.result
    settled = (result == solve.RESULTS.converged) | (result == solve.RESULTS.passed)
    cases = (
        (target @ state >= enough) & retrieval.is_active,
        (jnp.max(overlaps) >= enough) & retrieval.is_active,
        (jnp.min(overlaps) <= -enough) & retrieval.is_active,
        _mixture_overlap(state, overlaps, patterns) >= enough,
        ~retrieval.is_active,
        ~settled,
    )
    return jnp.argmax(jnp.stack([*cases, jnp.asarray(True)]))


def _mixture_overlap(
    state: Pattern, overlaps: Float[Array, " K"], patterns: Patterns
) -> Float[Array, ""]:
    """Returns N times the overlap with the mixture of the three nearest patterns.

    Nearest are the patterns of largest |overlap|, and they enter with the signs of their overlaps.
    With fewer than three patterns there is no mixture, and the result is -infinity.
    """
    if patterns.shape[0] < 3:
        return jnp.asarray(-math.inf, state.dtype)
    _, nearest = jax.lax.top_k(jnp.abs(overlaps), 3)
    mixture = jnp.sign(jnp.sign(overlaps[nearest]) @ patterns[nearest])
    return mixture @ state


def _radius(flips: tuple[float, ...], rates: Float[np.ndarray, " F"]) -> float:
    """Returns the fraction at which rates first fall below 1/2, by linear interpolation.

    For example, rates 1 at 0.1 and 0.25 at 0.2 cross 1/2 at 0.1 + (2/3) 0.1.
    """
    below = np.flatnonzero(rates < 0.5)
    if below.size == 0:
        return math.inf
    last = int(below[0])
    if last == 0:
        return 0.0
    here, there = rates[last - 1], rates[last]
    share = (here - 0.5) / (here - there)
    return float(flips[last - 1] + share * (flips[last] - flips[last - 1]))
