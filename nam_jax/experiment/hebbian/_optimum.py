"""The best coefficients of the expanded rule, by gradient ascent; and centring of weights.

A worked case: patterns of -1 and +1 with one threshold. The ascent starts at (c1pre, c1post,
constant) = (0.3, -0.5, 0.05) and ends near (0, 0, 0), where only the correlation term is left.
Centring the weights that the rule makes with the coefficients of the start gives the centred
weights of that term too.
"""

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
"""c1pre, c1post and the constant, in the units of the setting."""

STARTS = {False: (0.3, -0.5, 0.05), True: (-0.7, -0.6, 0.1)}
"""Start of the ascent. False: for patterns of -1 and +1. True: for patterns of 0 and 1."""


class Optimum(NamedTuple):
    """An ascent: its first place, its last place, and the capacity before each step."""

    start: Place
    end: Place
    capacities: Float[np.ndarray, " steps"]


def start_of(setting: Setting) -> Place:
    """The start of the ascent. With k winners the constant is 0, where the ascent holds it."""
    pre, post, constant = STARTS[setting.activity is not None]
    return jnp.asarray([pre, post, 0.0 if setting.winners else constant])


def ascend(setting: Setting, error: float, steps: int) -> Optimum:
    """Maximises the capacity by theory over the coefficients, with Adam.

    With k winners only c1post is free. There, c1pre and the constant act only because no neuron is
    coupled to itself: negative values make any state stay, stored or not.

    Args:
        setting: The setting.
        error: Error at capacity, as wrong bits over 2 a N.
        steps: Number of steps.
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
    """The weights with rows and columns shifted to mean 0.

    Of the terms of the expanded rule, only the correlation term is left.
    """
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
    """Wrong bits over 2 a N of networks whose weights the rule makes.

    Args:
        setting: The setting.
        num_patterns: Number of stored patterns.
        coefficients: Coefficients of the rule.
        num_sets: Number of networks, each with its own set of patterns.
        num_queries: Patterns of a set whose errors are counted.
        centred: Whether weights are centred. The weights and the threshold are then those of the
            best coefficients (`best_place`).
        key: Random key.
    """
    best = setting.coefficients(*(jnp.asarray(value) for value in best_place(setting)))
    threshold = setting.threshold(float(num_patterns), best if centred else coefficients)
    rule = ExpandedHebbian(*(jnp.asarray(value, float) for value in coefficients))
    given = setting, rule, num_patterns, num_queries, threshold, centred
    return measured(np.asarray([_of_set(*given, own) for own in jr.split(key, num_sets)], float))


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
    """The best place in closed form: the correlation term alone, or the covariance rule."""
    return (0.0, 0.0, 0.0) if setting.activity is None else (-1.0, -1.0, 0.0)
