"""Settings of the expanded Hebbian rule: kinds of patterns and decisions, laws and simulations."""

import math
from functools import partial
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import scipy
from jaxtyping import Array, Float

from nam_jax import data, solve, theory
from nam_jax._types import Key, Keys, Patterns, Scalar
from nam_jax.theory import Coefficients

States = Float[Array, "queries N"]
FEWEST = 4
"""Smallest number of patterns simulated. With fewer, noise is too far from Gaussian."""


class Setting(NamedTuple):
    """The kind of patterns, and the decision that turns fields into states.

    Attributes:
        name: Name for tables and figures.
        num_neurons: N.
        activity: None for patterns -1 and +1; a for patterns of 0 and 1.
        winners: Whether the k largest fields win, k the active neurons of the pattern. Otherwise
            one threshold serves all: 0 for -1 and +1, for 0 and 1 the best one.
    """

    name: str
    num_neurons: int
    activity: float | None
    winners: bool

    @property
    def share(self) -> float:
        """The share of active neurons."""
        return 0.5 if self.activity is None else self.activity

    @property
    def unit(self) -> float:
        """The unit of the linear coefficients; the unit of the constant is its square."""
        return 1.0 if self.activity is None else self.activity

    def coefficients(self, pre: Scalar, post: Scalar, constant: Scalar) -> Coefficients:
        """The rule with c1pre, c1post and a constant, in units of 1, or of a and a^2.

        The constant is C for -1 and +1, and the mean weight A for 0 and 1; c2corr is 1.
        """
        if self.activity is None:
            return Coefficients(c0=constant, c1pre=pre, c1post=post)
        mean = constant - pre - post - 1
        a = self.activity
        return Coefficients(c0=a**2 * mean, c1pre=a * pre, c1post=a * post)

    @partial(jax.jit, static_argnums=0)
    def threshold(self, num_patterns: Scalar | float, coefficients: Coefficients) -> Scalar:
        """The one threshold of all neurons: 0, or for patterns of 0 and 1 the best one.

        The best one is replaced by the half-integer between the whole numbers around it (2.5 for
        2.2), because fields of the plain rule are whole numbers.
        """
        if self.activity is None:
            return jnp.asarray(0.0)
        given = (self.num_neurons, num_patterns, self.activity, coefficients)
        return jnp.floor(theory.sparse_best_threshold(*given)) + 0.5

    @partial(jax.jit, static_argnums=0)
    def error(self, num_patterns: Scalar | float, coefficients: Coefficients) -> Scalar:
        """Wrong bits over 2 a N after one step, by the law of this setting."""
        size, a = self.num_neurons, self.activity
        if a is None:
            law = theory.hebbian_winners_error if self.winners else theory.hebbian_one_step_error
            return law(size, num_patterns, coefficients)
        if self.winners:
            return theory.sparse_winners_error(size, num_patterns, a, coefficients)
        threshold = self.threshold(num_patterns, coefficients)
        return theory.sparse_threshold_error(size, num_patterns, a, coefficients, threshold)

    def capacity(self, coefficients: Coefficients, error: float) -> Scalar:
        """The number of patterns K at which the law gives `error`; it can be differentiated."""
        most = self.num_neurons
        return theory.patterns_at_error(lambda k: self.error(k, coefficients), error, most)

    @partial(jax.jit, static_argnums=(0, 2))
    def capacities(self, places: Float[Array, "P 3"], error: float) -> Float[Array, " P"]:
        """The capacities at many places (c1pre, c1post, constant)."""
        at = lambda place: self.capacity(self.coefficients(*place), error)  # noqa: E731
        return jax.lax.map(at, places)


def settings(num_neurons: int, sparse_neurons: int, activity: float) -> tuple[Setting, ...]:
    """The four settings: both kinds of patterns with both kinds of decision.

    Args:
        num_neurons: N for patterns of -1 and +1.
        sparse_neurons: N for patterns of 0 and 1.
        activity: a, the share of ones in patterns of 0 and 1.
    """
    return (
        Setting("-1 and +1, threshold 0", num_neurons, None, False),
        Setting("-1 and +1, k winners", num_neurons, None, True),
        Setting("0 and 1, one threshold", sparse_neurons, activity, False),
        Setting("0 and 1, k winners", sparse_neurons, activity, True),
    )


class Measured(NamedTuple):
    """A mean over independent sets of patterns, its standard error, and the number of sets."""

    value: float
    error: float
    sets: int

    def reach(self, confidence: float) -> float:
        """Half the width of the interval of the mean, by Student's t."""
        return self.error * float(scipy.stats.t.ppf((1 + confidence) / 2, self.sets - 1))


def measured(by_set: Float[np.ndarray, " sets"]) -> Measured:
    """The mean of one value for each set.

    Sets are the unit, because they are independent; bits and patterns within a set are not.
    """
    spread = float(np.std(by_set, ddof=1)) / math.sqrt(len(by_set))
    return Measured(float(np.mean(by_set)), spread, len(by_set))


def simulate(
    setting: Setting,
    num_patterns: int,
    coefficients: Coefficients,
    num_sets: int,
    num_queries: int,
    *,
    key: Key,
) -> Measured:
    """Wrong bits over 2 a N of stored patterns after one step, in new sets of patterns."""
    count = float(num_patterns)
    arrays = Coefficients(*(jnp.asarray(value, float) for value in coefficients))
    room = 4 ** math.ceil(math.log(max(num_patterns, 64), 4) - 1e-9)
    threshold = setting.threshold(jnp.asarray(count), arrays)
    keys = jr.split(key, num_sets)
    queries = min(num_queries, num_patterns)
    by_set = _errors(setting, room, queries, jnp.asarray(count), arrays, threshold, keys)
    return measured(np.asarray(by_set, float))


def fields(
    patterns: Patterns, num_patterns: Scalar, coefficients: Coefficients, states: States
) -> States:
    """The fields W s of several states s, where W of the expanded rule has no diagonal.

    W is not made, because the rule is linear in its coefficients: a state costs O(K N). A worked
    case: for one pattern x = (1, 1, -1), c2corr = 1 and all other coefficients 0, the field of
    neuron i is (x . s) x_i - x_i^2 s_i. For s = x this is 3 x_i - x_i = 2 x_i.

    Args:
        patterns: (K, N), perhaps with rows of 0 after the patterns.
        num_patterns: Number of patterns without the rows of 0.
        coefficients: Coefficients of the rule.
        states: The states s.
    """
    c = coefficients
    total = jnp.sum(states, axis=1, keepdims=True)
    others = total - states
    linear, square = (jnp.sum(values, axis=0)[None, :] for values in (patterns, patterns**2))
    product = (states @ patterns.T) @ patterns - square * states

    def before(values: Float[Array, "1 N"]) -> States:
        return jnp.sum(values * states, axis=1, keepdims=True) - values * states

    return (
        c.c0 * num_patterns * others
        + c.c1pre * before(linear)
        + c.c1post * linear * others
        + c.c2pre * before(square)
        + c.c2post * square * others
        + c.c2corr * product
    )


def wrong_share(
    field: States, states: States, threshold: Scalar, setting: Setting, *, key: Key
) -> Scalar:
    """Wrong bits over 2 a N after a decision by threshold or by k winners.

    A tie with the threshold counts as half a wrong bit. Ties between winners are broken by chance.

    Args:
        field: Fields of the states.
        states: Stored patterns, from which the step started.
        threshold: The threshold; not used with k winners.
        setting: The setting.
        key: Random key for ties.
    """
    active = states > 0
    if not setting.winners:
        wanted = jnp.where(active, 1.0, -1.0).astype(field.dtype)
        return (0.5 - 0.5 * jnp.mean(jnp.sign(field - threshold) * wanted)) / (2 * setting.share)
    # The noise is smaller than the steps between fields, which are some hundredths at least.
    field = field + jr.uniform(key, field.shape, field.dtype, 0, 1e-3)
    place = jnp.argsort(jnp.argsort(-field, axis=1), axis=1)
    lost = active & (place >= jnp.sum(active, axis=1, keepdims=True))
    return jnp.mean(lost.astype(field.dtype)) / setting.share


@eqx.filter_jit
def _errors(
    setting: Setting,
    room: int,
    queries: int,
    num_patterns: Scalar,
    coefficients: Coefficients,
    threshold: Scalar,
    keys: Keys,
) -> Float[Array, " sets"]:
    """Wrong bits over 2 a N of each set; all numbers of patterns up to `room` share a program."""

    def of_set(key: Key) -> Scalar:
        of_patterns, of_ties = jr.split(key)
        drawn = draw(setting, room, key=of_patterns)
        there = (jnp.arange(float(room)) < num_patterns)[:, None]
        patterns = jnp.where(there, drawn, 0)
        states = drawn[:queries]
        field = fields(patterns, num_patterns, coefficients, states)
        return wrong_share(field, states, threshold, setting, key=of_ties)

    size = solve.at_once(len(keys), 4 * room * setting.num_neurons, most=16)
    return jax.lax.map(of_set, keys, batch_size=size)


def draw(setting: Setting, num_patterns: int, *, key: Key) -> Patterns:
    """Random patterns of the kind of the setting."""
    if setting.activity is None:
        return data.random_patterns(num_patterns, setting.num_neurons, key=key)
    activity = setting.activity
    return data.sparse_patterns(num_patterns, setting.num_neurons, activity=activity, key=key)
