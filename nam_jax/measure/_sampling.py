"""Scores of stored patterns over many random sets, at several numbers of patterns at once."""

import math
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, Int

from nam_jax import solve
from nam_jax._misc import argument_error
from nam_jax._types import Key, Pattern, Patterns
from nam_jax.measure._criterion import AbstractCriterion, OneStep, right_bits
from nam_jax.network import AbstractNetwork

Maker = Callable[[Patterns], AbstractNetwork]
"""Function from patterns (K, N) to the network that stores them; JAX must be able to trace it."""

_RESAMPLES = 1000
_PILOT_QUERIES = 60
"""Number of queries from which a first bracket is taken."""


class Sampler:
    """Computes scores at given numbers of patterns K, and counts all queries.

    Sets of patterns grow by appending: the patterns of a set for K = 5 are the first 5 of its
    patterns for K = 9, and queries are the same for all K. If a memory adds up terms of patterns,
    as in the fields of a dense memory, prefix sums over patterns give the scores of all K in one
    pass. Sets are handled in chunks of one size, so that each K has one compiled program. Scores
    are kept and not computed twice.

    Attributes:
        criterion: Score of a stored pattern.
        num_sets: Number of independent sets of patterns.
        pilots: Number of sets of a first bracket; also the largest number of sets of a chunk.
        trials: Number of queries made so far.
    """

    def __init__(
        self,
        make: Maker,
        criterion: AbstractCriterion,
        num_neurons: int,
        queries: int,
        num_sets: int,
        *,
        key: Key,
        pilots: int | None = None,
    ):
        """Prepares the sets of patterns; nothing is computed yet.

        Args:
            make: Function from patterns to the network that stores them.
            criterion: Score of a stored pattern.
            num_neurons: N.
            queries: Number of queries in each set.
            num_sets: Number of independent sets of patterns.
            key: Random key.
            pilots: Number of sets of a first bracket; None for as many as have 60 queries.
        """
        self.make, self.criterion, self.num_neurons = make, criterion, num_neurons
        self.queries, self.num_sets, self.key = queries, num_sets, key
        enough = min(num_sets, math.ceil(_PILOT_QUERIES / queries))
        self.pilots = enough if pilots is None else pilots
        self.trials = 0
        self._seed = np.asarray(jr.key_data(key)).tolist()
        self._kept: dict[tuple[int, ...], list[Float[np.ndarray, "C sets queries"]]] = {}

    def __call__(
        self, counts: list[int], num_sets: int | None = None
    ) -> Float[np.ndarray, "C sets queries"]:
        """Returns the scores at each number of patterns.

        Args:
            counts: C numbers of patterns.
            num_sets: Number of sets, the first ones; None for all.
        """
        queries = 1 if self.criterion.all_patterns else min(self.queries, *counts)
        # Without prefix sums each K has its own program, because several linear solves in one
        # program can wait for each other.
        groups = [tuple(counts)] if self._adds_up() else [(count,) for count in counts]
        wanted = self.num_sets if num_sets is None else num_sets
        return np.concatenate([self._group(group, queries, wanted) for group in groups])

    def _group(
        self, counts: tuple[int, ...], queries: int, num_sets: int
    ) -> Float[np.ndarray, "C sets queries"]:
        kept = self._kept.setdefault((*counts, queries), [])
        chunk = sets_at_once(self.pilots, max(counts), self.num_neurons)
        while len(kept) * chunk < num_sets:
            places = range(len(kept) * chunk, (len(kept) + 1) * chunk)
            kept.append(self._chunk(counts, queries, places))
            asked = sum(counts) if self.criterion.all_patterns else queries * len(counts)
            self.trials += chunk * asked
        return np.concatenate(kept, axis=1)[:, :num_sets]

    def _chunk(
        self, counts: tuple[int, ...], queries: int, places: range
    ) -> Float[np.ndarray, "C sets queries"]:
        patterns = self.patterns(places, max(counts))
        if self._adds_up():
            scores = _prefix_scores(self.make, jnp.asarray(patterns), queries, counts)
            return np.asarray(scores, float)
        numbers = np.broadcast_to(np.arange(max(counts)), patterns.shape[:2])
        order = self._random(places.start, 1).permuted(numbers, axis=1)
        stored = np.take_along_axis(patterns, order[:, :, None], axis=1)
        targets = patterns if self.criterion.all_patterns else patterns[:, :queries]
        return self.scores(jnp.asarray(stored), jnp.asarray(targets), places)[None]

    def scores(
        self,
        stored: Float[Array, "sets K N"],
        targets: Float[Array, "sets queries N"],
        places: range,
    ) -> Float[np.ndarray, "sets scores"]:
        """Returns the scores of targets in the memories of given sets.

        Args:
            stored: Patterns to store, for each set, in the order in which they are learned.
            targets: Patterns to score, for each set.
            places: Numbers of these sets among all sets; they determine the random keys.
        """
        scores = _scores(self.make, self.criterion, self.key, stored, targets, jnp.asarray(places))
        return np.asarray(scores, float)

    def patterns(self, places: range, num_patterns: int) -> Float[np.ndarray, "sets K N"]:
        """Returns `num_patterns` patterns of -1 and +1 for each of the sets numbered by `places`.

        The first K patterns of a set are the same for every `num_patterns`. They are drawn by
        NumPy, so that a new number of patterns compiles no new program.
        """
        width = math.ceil(self.num_neurons / 8)
        drawn = b"".join(self._random(place, 0).bytes(num_patterns * width) for place in places)
        whole = np.frombuffer(drawn, np.uint8).reshape(len(places), num_patterns, width)
        bits = np.unpackbits(whole, axis=2, count=self.num_neurons)
        return np.where(bits, 1, -1).astype(jnp.result_type(float))

    def _random(self, *what: int) -> np.random.Generator:
        return np.random.default_rng([*self._seed, *what])

    def _adds_up(self) -> bool:
        """Returns whether prefix sums give the scores of all K in one pass."""
        if not isinstance(self.criterion, OneStep):
            return False
        patterns = jax.ShapeDtypeStruct((2, self.num_neurons), jnp.result_type(float))
        fields = eqx.filter_eval_shape(
            lambda patterns: _partial_fields(self.make(patterns), patterns[0], (1, 2)), patterns
        )
        return fields is not None


def _partial_fields(
    network: AbstractNetwork, state: Pattern, counts: tuple[int, ...]
) -> Float[Array, "counts N"] | None:
    """The fields of a discrete network for the first patterns; None where they are no sums."""

    def nothing(_: AbstractNetwork) -> None:
        return None

    return network.by_kind(
        flows=nothing,
        updates=lambda network: network.partial_fields(state, counts),
        passes=nothing,
    )


@eqx.filter_jit
def _prefix_scores(
    make: Maker, patterns: Float[Array, "sets K N"], queries: int, counts: tuple[int, ...]
) -> Float[Array, "counts sets queries"]:
    """Returns the shares of right bits after one step, for the first K patterns of each count."""

    def of_set(patterns: Patterns) -> Float[Array, "counts queries"]:
        network = make(patterns)
        return jax.vmap(lambda target: of_target(network, target), out_axes=1)(patterns[:queries])

    def of_target(network: AbstractNetwork, target: Pattern) -> Float[Array, " counts"]:
        fields = _partial_fields(network, target, counts)
        assert fields is not None  # only asked of networks that have them
        return jax.vmap(lambda field: right_bits(field, target))(fields)

    return jax.vmap(of_set, out_axes=1)(patterns)


@eqx.filter_jit
def _scores(
    make: Maker,
    criterion: AbstractCriterion,
    key: Key,
    stored: Float[Array, "sets K N"],
    targets: Float[Array, "sets queries N"],
    places: Int[Array, " sets"],
) -> Float[Array, "sets scores"]:
    """Returns the score of each target, or the lowest of a set if all patterns must succeed."""

    def of_set(
        stored: Patterns, targets: Float[Array, "queries N"], place: Array
    ) -> Float[Array, " scores"]:
        network = make(stored)
        of_set = jr.fold_in(key, place)
        keys = jax.vmap(lambda index: jr.fold_in(of_set, index))(jnp.arange(targets.shape[0]))
        scores = jax.vmap(lambda target, key: criterion(network, target, key=key))(targets, keys)
        scores = jnp.where(jnp.isnan(scores), 0, scores)
        return jnp.min(scores, keepdims=True) if criterion.all_patterns else scores

    return jax.vmap(of_set)(stored, targets, places)


def sets_at_once(num_sets: int, num_patterns: int, num_neurons: int) -> int:
    """Returns the number of sets of patterns to handle at once, from 1 to `num_sets`."""
    return solve.at_once(num_sets, 4 * num_patterns * num_neurons)


def resampled(num_sets: int, *, key: Key) -> Float[np.ndarray, "resamples sets"]:
    """Returns the weights of the sets in each resample of the bootstrap; rows sum to 1."""
    draws = np.random.default_rng(np.asarray(jr.key_data(key)).tolist())
    return draws.multinomial(num_sets, np.full(num_sets, 1 / num_sets), _RESAMPLES) / num_sets


def interval(
    by_set: Float[np.ndarray, "sets M"], *, key: Key, confidence: float
) -> tuple[Float[np.ndarray, " M"], Float[np.ndarray, " M"]]:
    """Returns the lower and upper ends of the bootstrap intervals of means over sets."""
    over_sets = resampled(len(by_set), key=key) @ by_set
    low, high = np.quantile(over_sets, tails(confidence), axis=0)
    return low, high


def tails(confidence: float) -> tuple[float, float]:
    """Returns the two quantiles between which a share `confidence` of a distribution is.

    Raises:
        ValueError: If `confidence` is not in (0, 1).
    """
    if not 0 < confidence < 1:
        raise argument_error("confidence", "lie in (0, 1)", confidence)
    return (1 - confidence) / 2, (1 + confidence) / 2


def check_numbers(least: int, **numbers: int) -> None:
    """Raises a `ValueError` if one of the named numbers is below `least`."""
    for name, number in numbers.items():
        if number < least:
            raise argument_error(name, f"be at least {least}", number)
