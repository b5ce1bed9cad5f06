"""Capacity of discrete dense memories with F = z^n / n: leading order in N."""

import math

import jax.numpy as jnp
from jax.scipy.stats import norm
from jaxtyping import Array, ArrayLike

Number = float | ArrayLike
"""A number, or an array of numbers for which the form is evaluated one by one."""


def capacity_at_error(num_neurons: Number, n: int, error: Number) -> Array:
    """K = N^(n-1) / ((2n-3)!! z^2): stored bits are wrong with probability `error` in one step.

    z is the normal quantile of 1 - error. For updates by energy differences (Krotov & Hopfield,
    arXiv 1606.01164). At N = 32 the exact K at 0.5 % is a
    fifth larger for n = 2 and 7 % smaller for n = 3 and 4; at N = 128 all are within 4 %.
    """
    size, error = jnp.asarray(num_neurons, float), jnp.asarray(error, float)
    return size ** (n - 1) / (_odd_factorial(2 * n - 3) * norm.isf(error) ** 2)


def capacity_without_errors(num_neurons: Number, n: int, *, all_patterns: bool = False) -> Array:
    """K = N^(n-1) / (2 (2n-3)!! ln N): a given pattern has no wrong bit (Krotov & Hopfield).

    With `all_patterns` none of them has any, for which K is n times smaller.
    """
    size = jnp.asarray(num_neurons, float)
    whole = size ** (n - 1) / (2 * _odd_factorial(2 * n - 3) * jnp.log(size))
    return whole / n if all_patterns else whole


def self_coupled_capacity(num_neurons: Number, n: int, flips: Number) -> Array:
    """K = N^(n/2) (1 - 2r)^(n-1) / (n-1)!!: up to which the literal single pass corrects errors.

    For even n, from cues with a fraction r of flipped bits: there the bias of a neuron towards its
    own state, (n-1)!! N^((n-2)/2) for each pattern, outgrows the signal. A scale, good to 1.5.
    """
    size, flips = jnp.asarray(num_neurons, float), jnp.asarray(flips, float)
    return size ** (n / 2) * (1 - 2 * flips) ** (n - 1) / _odd_factorial(n - 1)


def _odd_factorial(m: int) -> int:
    """m (m - 2) (m - 4) ... 1 for odd m."""
    return math.prod(range(m, 0, -2))
