"""The expanded rule at its best, found by gradient, and what centring makes of it elsewhere."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
from jaxtyping import Array, Float

from nam_jax._types import Key, Pairs, Scalar
from nam_jax.experiment.hebbian._rule import Measured, Setting, draw, measured, wrong_share
from nam_jax.memory import ExpandedHebbian
from nam_jax.network import Hopfield
from nam_jax.theory import Coefficients

Place = Float[Array, " 3"]
"""c1pre, c1post and the constant, in the units of a setting."""

STARTS = {False: (0.3, -0.5, 0.05), True: (-0.7, -0.6, 0.1)}
"""Where the ascent starts: for -1 and +1, and for 0 and 1."""


class Optimum(NamedTuple):
    """An ascent: where it began and ended, and the capacity at each step."""

    start: Place
    found: Place
    capacities: Float[np.ndarray, " steps"]


def start_of(setting: Setting) -> Place:
    """The constant starts at 0 with k winners, where it must stay."""
    pre, post, constant = STARTS[setting.activity is not None]
    return jnp.asarray([pre, post, 0.0 if setting.winners else constant])


def ascend(setting: Setting, error: float, steps: int) -> Optimum:
    """Climbs the capacity through the theory, by Adam.

    With k winners only c1post is free. c1pre and the constant act there only because no neuron is
    coupled to itself: negative ones make any state stay, stored or not.
    """
    optimizer = optax.adam(optax.cosine_decay_schedule(0.05, steps))
    free = jnp.asarray([0.0, 1.0, 0.0] if setting.winners else [1.0, 1.0, 1.0])

    def loss(place: Place) -> Scalar:
        return -jnp.log(jnp.maximum(setting.capacity(setting.coefficients(*place), error), 1e-3))

    @jax.jit
    def step(place: Place, state: optax.OptState) -> tuple[Place, optax.OptState, Scalar]:
        value, slope = jax.value_and_grad(loss)(place)
        # Optax relies on promotions that JAX's strict mode refuses.
        with jax.numpy_dtype_promotion("standard"):
            change, state = optimizer.update(free * slope, state, place)
        return jnp.asarray(optax.apply_updates(place, change)), state, jnp.exp(-value)

    place = start = start_of(setting)
    state, capacities = optimizer.init(place), []
    for _ in range(steps):
        place, state, capacity = step(place, state)
        capacities.append(float(capacity))
    return Optimum(start, place, np.asarray(capacities))


def centre(weights: Pairs) -> Pairs:
    """Rows and columns of mean 0: only the correlation term of the expanded rule is left."""
    rows, columns = (jnp.mean(weights, axis=axis, keepdims=True) for axis in (1, 0))
    return weights - rows - columns + jnp.mean(weights)


def learned(
    setting: Setting,
    num_patterns: int,
    coefficients: Coefficients,
    num_sets: int,
    num_queries: int,
    *,
    centred: bool,
    key: Key,
) -> Measured:
    """Wrong bits over 2 a N of networks that the rule itself makes, perhaps with centred weights.

    Centred, they are those of the covariance rule, and so is their threshold.
    """
    best = setting.coefficients(*(jnp.asarray(each) for each in best_place(setting)))
    threshold = setting.threshold(float(num_patterns), best if centred else coefficients)
    rule = ExpandedHebbian(*(jnp.asarray(each, float) for each in coefficients))
    given = setting, rule, num_patterns, num_queries, threshold, centred
    return measured(np.asarray([_of_set(*given, each) for each in jr.split(key, num_sets)], float))


@eqx.filter_jit
def _of_set(
    setting: Setting,
    rule: ExpandedHebbian,
    num_patterns: int,
    num_queries: int,
    threshold: Scalar,
    centred: bool,
    key: Key,
) -> Scalar:
    of_patterns, of_ties = jr.split(key)
    patterns = draw(setting, num_patterns, key=of_patterns)
    weights = rule(patterns)
    network = Hopfield(centre(weights) if centred else weights)
    states = patterns[:num_queries]
    field = jax.vmap(network.local_field)(states)
    return wrong_share(field, states, threshold, setting, key=of_ties)


def best_place(setting: Setting) -> tuple[float, float, float]:
    """The closed form: the correlation term alone, or the covariance rule."""
    return (0.0, 0.0, 0.0) if setting.activity is None else (-1.0, -1.0, 0.0)
