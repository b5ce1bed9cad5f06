"""Settings in which the expanded Hebbian rule is judged, its laws there, and simulations of it."""

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

from nam_jax import data, theory
from nam_jax._types import Key, Keys, Patterns, Scalar
from nam_jax.theory import Coefficients

States = Float[Array, "queries N"]
FEWEST = 4
"""The fewest patterns simulated: with fewer, noise is too far from Gaussian."""


class Setting(NamedTuple):
    """Which patterns, and how fields become states.

    Attributes:
        name: In words.
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
        """Of active neurons."""
        return 0.5 if self.activity is None else self.activity

    @property
    def unit(self) -> float:
        """Of the linear coefficients; of the constant it is the square."""
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
        """One threshold for all: halves, as the plain rule's fields of 0 and 1 are whole."""
        if self.activity is None:
            return jnp.asarray(0.0)
        given = (self.num_neurons, num_patterns, self.activity, coefficients)
        return jnp.floor(theory.sparse_best_threshold(*given)) + 0.5

    @partial(jax.jit, static_argnums=0)
    def error(self, num_patterns: Scalar | float, coefficients: Coefficients) -> Scalar:
        """Wrong bits over 2 a N after one step, by the law."""
        size, a = self.num_neurons, self.activity
        if a is None:
            law = theory.hebbian_winners_error if self.winners else theory.hebbian_one_step_error
            return law(size, num_patterns, coefficients)
        if self.winners:
            return theory.sparse_winners_error(size, num_patterns, a, coefficients)
        threshold = self.threshold(num_patterns, coefficients)
        return theory.sparse_threshold_error(size, num_patterns, a, coefficients, threshold)

    def capacity(self, coefficients: Coefficients, error: float) -> Scalar:
        """K at which the law has `error`; can be differentiated."""
        most = self.num_neurons
        return theory.patterns_at_error(lambda k: self.error(k, coefficients), error, most)

    @partial(jax.jit, static_argnums=(0, 2))
    def capacities(self, places: Float[Array, "P 3"], error: float) -> Float[Array, " P"]:
        """The same at many places (c1pre, c1post, constant)."""
        at = lambda place: self.capacity(self.coefficients(*place), error)  # noqa: E731
        return jax.lax.map(at, places)


def settings(num_neurons: int, sparse_neurons: int, activity: float) -> tuple[Setting, ...]:
    """Both kinds of patterns with both kinds of thresholds."""
    return (
        Setting("-1 and +1, threshold 0", num_neurons, None, False),
        Setting("-1 and +1, k winners", num_neurons, None, True),
        Setting("0 and 1, one threshold", sparse_neurons, activity, False),
        Setting("0 and 1, k winners", sparse_neurons, activity, True),
    )


class Measured(NamedTuple):
    """A mean over independent sets of patterns."""

    value: float
    error: float
    sets: int

    def reach(self, confidence: float) -> float:
        """Half the width of its interval, by Student's t."""
        return self.error * float(scipy.stats.t.ppf((1 + confidence) / 2, self.sets - 1))


def measured(by_set: Float[np.ndarray, " sets"]) -> Measured:
    """Sets are independent; bits and patterns within a set are not."""
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
    """Wrong bits over 2 a N of stored patterns after one step, in fresh sets of patterns."""
    count = float(num_patterns)
    arrays = Coefficients(*(jnp.asarray(each, float) for each in coefficients))
    room = 4 ** math.ceil(math.log(max(num_patterns, 64), 4) - 1e-9)
    threshold = setting.threshold(jnp.asarray(count), arrays)
    keys = jr.split(key, num_sets)
    queries = min(num_queries, num_patterns)
    found = _errors(setting, room, queries, jnp.asarray(count), arrays, threshold, keys)
    return measured(np.asarray(found, float))


def fields(
    patterns: Patterns, num_patterns: Scalar, coefficients: Coefficients, states: States
) -> States:
    """W s of the expanded rule without its diagonal, for several states, in O(K N) each.

    The rule is linear in its coefficients, so that W need not be made; rows of 0 that fill
    `patterns` up are not counted in `num_patterns`.
    """
    c = coefficients
    total = jnp.sum(states, axis=1, keepdims=True)
    others = total - states
    linear, square = (jnp.sum(each, axis=0)[None, :] for each in (patterns, patterns**2))
    product = (states @ patterns.T) @ patterns - square * states

    def before(each: Float[Array, "1 N"]) -> States:
        return jnp.sum(each * states, axis=1, keepdims=True) - each * states

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
    """Wrong bits over 2 a N, by winners or by the threshold; ties count half or fall by chance."""
    active = states > 0
    if not setting.winners:
        wanted = jnp.where(active, 1.0, -1.0).astype(field.dtype)
        return (0.5 - 0.5 * jnp.mean(jnp.sign(field - threshold) * wanted)) / (2 * setting.share)
    # Less than the steps between fields, which are multiples of some hundredths at least.
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
    """Of each set; all numbers of patterns up to `room` share a program."""

    def of_set(key: Key) -> Scalar:
        of_patterns, of_ties = jr.split(key)
        drawn = draw(setting, room, key=of_patterns)
        there = (jnp.arange(float(room)) < num_patterns)[:, None]
        patterns = jnp.where(there, drawn, 0)
        states = drawn[:queries]
        field = fields(patterns, num_patterns, coefficients, states)
        return wrong_share(field, states, threshold, setting, key=of_ties)

    return jax.lax.map(of_set, keys, batch_size=16)


def draw(setting: Setting, num_patterns: int, *, key: Key) -> Patterns:
    """Random patterns of the setting's kind."""
    if setting.activity is None:
        return data.random_patterns(num_patterns, setting.num_neurons, key=key)
    activity = setting.activity
    return data.sparse_patterns(num_patterns, setting.num_neurons, activity=activity, key=key)
