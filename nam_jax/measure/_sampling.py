"""Scores of stored patterns over many random sets, at several numbers of patterns at once."""

import math
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float

from nam_jax import data
from nam_jax._misc import argument_error
from nam_jax._types import Key, Keys, Patterns
from nam_jax.measure._criterion import AbstractCriterion, OneStep, right_bits
from nam_jax.network import AbstractNetwork, DenseAssociativeMemory

Maker = Callable[[Patterns], AbstractNetwork]
"""Makes the network that stores the patterns it is given; JAX must be able to trace it."""

_NUMBERS_AT_ONCE = 2**23
"""Numbers in the patterns of all sets that are looked at side by side."""
_RESAMPLES = 1000
PILOT_QUERIES = 60
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
    ):
        self.make, self.criterion, self.num_neurons = make, criterion, num_neurons
        self.queries, self.num_sets, self.key = queries, num_sets, key
        self.trials = 0
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
        pilots = min(self.num_sets, math.ceil(PILOT_QUERIES / self.queries))
        chunk = sets_at_once(pilots, max(counts), self.num_neurons)
        while len(kept) * chunk < num_sets:
            places = jnp.arange(chunk) + len(kept) * chunk
            keys = jax.vmap(lambda place: jr.fold_in(self.key, place))(places)
            found = _scores(self.make, self.criterion, counts, self.num_neurons, queries, keys)
            kept.append(np.moveaxis(np.asarray(found, float), 0, 1))
            asked = sum(counts) if self.criterion.all_patterns else queries * len(counts)
            self.trials += chunk * asked
        return np.concatenate(kept, axis=1)[:, :num_sets]

    def _adds_up(self) -> bool:
        """Whether one pass serves every K."""
        if not isinstance(self.criterion, OneStep):
            return False
        patterns = jax.ShapeDtypeStruct((2, self.num_neurons), jnp.result_type(float))
        return isinstance(eqx.filter_eval_shape(self.make, patterns), DenseAssociativeMemory)


@eqx.filter_jit
def _scores(
    make: Maker,
    criterion: AbstractCriterion,
    counts: tuple[int, ...],
    num_neurons: int,
    queries: int,
    keys: Keys,
) -> Float[Array, "sets counts queries"]:
    def of_set(key: Key) -> Float[Array, "counts queries"]:
        of_patterns, of_order, of_queries = jr.split(key, 3)
        patterns = nested_patterns(max(counts), num_neurons, key=of_patterns)
        if isinstance(criterion, OneStep):
            network = make(patterns)
            if isinstance(network, DenseAssociativeMemory):
                return _by_prefix_sums(network, patterns[:queries], counts)
        return jnp.stack(
            [
                _one_by_one(
                    criterion, make(jr.permutation(of_order, patterns[:count])),
                    patterns[:count] if criterion.all_patterns else patterns[:queries],
                    key=of_queries,
                )
                for count in counts
            ]
        )  # fmt: skip

    return jax.vmap(of_set)(keys)


def nested_patterns(num_patterns: int, num_neurons: int, *, key: Key) -> Patterns:
    """Random patterns of which the first K are the same whatever their number."""
    keys = jax.vmap(lambda index: jr.fold_in(key, index))(jnp.arange(num_patterns))
    return jax.vmap(lambda each: data.random_patterns(1, num_neurons, key=each)[0])(keys)


def sets_at_once(num_sets: int, num_patterns: int, num_neurons: int) -> int:
    """How many sets of patterns to look at side by side."""
    return max(1, min(num_sets, _NUMBERS_AT_ONCE // (num_patterns * num_neurons)))


def resampled(num_sets: int, *, key: Key) -> Float[np.ndarray, "resamples sets"]:
    """Weights of the sets in each resample of the bootstrap; each row sums to 1."""
    draws = np.random.default_rng(np.asarray(jr.key_data(key)).tolist())
    return draws.multinomial(num_sets, np.full(num_sets, 1 / num_sets), _RESAMPLES) / num_sets


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


def _by_prefix_sums(
    network: DenseAssociativeMemory, targets: Patterns, counts: tuple[int, ...]
) -> Float[Array, "counts queries"]:
    def of_target(target: Array) -> Float[Array, " counts"]:
        fields = network.partial_fields(target, counts)
        return jax.vmap(lambda field: right_bits(field, target))(fields)

    return jax.vmap(of_target, out_axes=1)(targets)


def _one_by_one(
    criterion: AbstractCriterion, network: AbstractNetwork, targets: Patterns, *, key: Key
) -> Float[Array, " queries"]:
    keys = jax.vmap(lambda index: jr.fold_in(key, index))(jnp.arange(targets.shape[0]))
    scores = jax.vmap(lambda target, each: criterion(network, target, key=each))(targets, keys)
    return jnp.min(scores, keepdims=True) if criterion.all_patterns else scores
