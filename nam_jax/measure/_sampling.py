"""Scores of stored patterns over many random sets, at several numbers of patterns at once."""

import math
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, Int

from nam_jax._misc import argument_error
from nam_jax._types import Key, Pattern, Patterns
from nam_jax.measure._criterion import AbstractCriterion, OneStep, right_bits
from nam_jax.network import AbstractNetwork, DenseAssociativeMemory

Maker = Callable[[Patterns], AbstractNetwork]
"""Makes the network that stores the patterns it is given; JAX must be able to trace it."""

_NUMBERS_AT_ONCE = 2**23
"""Numbers in the patterns of all sets that are looked at side by side."""
_RESAMPLES = 1000
_PILOT_QUERIES = 60
"""Queries from which a bracket is judged first."""


class Sampler:
    """Scores at given numbers of patterns, with a count of all queries.

    Sets of patterns grow by appending, and their queries stay the same, so that all K see common
    random numbers. Sums over patterns, as in a dense memory's fields, are then sums of what was
    appended (prefix sums), and one pass serves every K. Sets are looked at in chunks of one size,
    so that a K has one program, and what was found is kept.

    Attributes:
        criterion: When a pattern counts as stored.
        num_sets: Independent sets of patterns.
        pilots: Sets that are enough for a first look.
        trials: Queries made so far.
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
        """Of `pilots` sets, or as many as have enough queries for a first look, at once."""
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
        """Scores at each number of patterns, for the first `num_sets` sets or all."""
        queries = 1 if self.criterion.all_patterns else min(self.queries, *counts)
        # Apart where nothing is shared: linear solves of one program can wait for each other.
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
            found = _prefix_scores(self.make, jnp.asarray(patterns), queries, counts)
            return np.asarray(found, float)
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
        """Scores of targets in the memories of given sets, which are at the given places."""
        found = _scores(self.make, self.criterion, self.key, stored, targets, jnp.asarray(places))
        return np.asarray(found, float)

    def patterns(self, places: range, num_patterns: int) -> Float[np.ndarray, "sets K N"]:
        """Patterns of the sets at some places: the first K are the same whatever their number.

        Drawn on the host, where a new number of patterns needs no new program.
        """
        width = math.ceil(self.num_neurons / 8)
        drawn = b"".join(self._random(place, 0).bytes(num_patterns * width) for place in places)
        whole = np.frombuffer(drawn, np.uint8).reshape(len(places), num_patterns, width)
        bits = np.unpackbits(whole, axis=2, count=self.num_neurons)
        return np.where(bits, 1, -1).astype(jnp.result_type(float))

    def _random(self, *what: int) -> np.random.Generator:
        return np.random.default_rng([*self._seed, *what])

    def _adds_up(self) -> bool:
        """Whether one pass serves every K."""
        if not isinstance(self.criterion, OneStep):
            return False
        patterns = jax.ShapeDtypeStruct((2, self.num_neurons), jnp.result_type(float))
        return isinstance(eqx.filter_eval_shape(self.make, patterns), DenseAssociativeMemory)


@eqx.filter_jit
def _prefix_scores(
    make: Maker, patterns: Float[Array, "sets K N"], queries: int, counts: tuple[int, ...]
) -> Float[Array, "counts sets queries"]:
    """Right bits after one step, by sums over the first patterns."""

    def of_set(patterns: Patterns) -> Float[Array, "counts queries"]:
        network = make(patterns)
        assert isinstance(network, DenseAssociativeMemory)
        return jax.vmap(lambda target: of_target(network, target), out_axes=1)(patterns[:queries])

    def of_target(network: DenseAssociativeMemory, target: Pattern) -> Float[Array, " counts"]:
        fields = network.partial_fields(target, counts)
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
    """The criterion for each target; for all of them at once where all must succeed."""

    def of_set(
        stored: Patterns, targets: Float[Array, "queries N"], place: Array
    ) -> Float[Array, " scores"]:
        network = make(stored)
        of_set = jr.fold_in(key, place)
        keys = jax.vmap(lambda index: jr.fold_in(of_set, index))(jnp.arange(targets.shape[0]))
        scores = jax.vmap(lambda target, each: criterion(network, target, key=each))(targets, keys)
        return jnp.min(scores, keepdims=True) if criterion.all_patterns else scores

    return jax.vmap(of_set)(stored, targets, places)


def sets_at_once(num_sets: int, num_patterns: int, num_neurons: int) -> int:
    """How many sets of patterns to look at side by side."""
    return max(1, min(num_sets, _NUMBERS_AT_ONCE // (num_patterns * num_neurons)))


def resampled(num_sets: int, *, key: Key) -> Float[np.ndarray, "resamples sets"]:
    """Weights of the sets in each resample of the bootstrap; each row sums to 1."""
    draws = np.random.default_rng(np.asarray(jr.key_data(key)).tolist())
    return draws.multinomial(num_sets, np.full(num_sets, 1 / num_sets), _RESAMPLES) / num_sets


def interval(
    by_set: Float[np.ndarray, "sets M"], *, key: Key, confidence: float
) -> tuple[Float[np.ndarray, " M"], Float[np.ndarray, " M"]]:
    """Ends of the percentile bootstrap's intervals of means over sets."""
    over_sets = resampled(len(by_set), key=key) @ by_set
    low, high = np.quantile(over_sets, tails(confidence), axis=0)
    return low, high


def tails(confidence: float) -> tuple[float, float]:
    """The two quantiles between which a share `confidence` lies.

    Raises:
        ValueError: If `confidence` is not in (0, 1).
    """
    if not 0 < confidence < 1:
        raise argument_error("confidence", "lie in (0, 1)", confidence)
    return (1 - confidence) / 2, (1 + confidence) / 2


def check_numbers(**numbers: int) -> None:
    """Raises a `ValueError` for a number of patterns or queries below 1, of others below 2."""
    for name, number in numbers.items():
        least = 1 if name in {"num_patterns", "num_queries"} else 2
        if number < least:
            raise argument_error(name, f"be at least {least}", number)
