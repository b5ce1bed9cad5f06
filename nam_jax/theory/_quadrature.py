"""Averages over binomial numbers and tails of skewed distributions, for the laws of other files."""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from nam_jax._precision import full
from nam_jax._types import Scalar

Real = float | int | Scalar
"""A number that JAX may trace."""


class Quadrature(NamedTuple):
    """Points of a random number and their weights, which sum to 1."""

    points: Float[Array, " Q"]
    weights: Float[Array, " Q"]


@full
def binomial_quadrature(trials: Real, probability: float | int, size: int) -> Quadrature:
    """Returns a Gauss quadrature of a binomial number minus its mean.

    Exact for polynomials of degree below 2 `size`. Made from the recurrence of the Krawtchouk
    polynomials (Golub & Welsch 1969, Math. Comp. 23, 221). With fewer than `size` trials the points
    are all values of the number and the average is the exact sum.

    Args:
        trials: n, which may be traced.
        probability: p.
        size: Number of points Q.
    """
    place = jnp.arange(float(size))
    rest = jnp.asarray(trials, float) - place[1:] + 1
    beside = jnp.sqrt(jnp.maximum(place[1:] * rest * probability * (1 - probability), 0))
    matrix = jnp.diag(place * (1 - 2 * probability))
    points, vectors = jnp.linalg.eigh(matrix + jnp.diag(beside, 1) + jnp.diag(beside, -1))
    return Quadrature(points, vectors[0] ** 2)


def sign_quadrature(number: Real, size: int) -> Quadrature:
    """Returns a Gauss quadrature with `size` points of a sum of `number` random signs."""
    heads = binomial_quadrature(number, 0.5, size)
    return Quadrature(2 * heads.points, heads.weights)


def binomial_counts(trials: Real, probability: float | int, size: int) -> Quadrature:
    """Returns whole values of a binomial number around its mean, and their probabilities.

    Use it to average functions that are not smooth in the number. The values are consecutive if
    `size` values reach five standard deviations on each side; otherwise they have gaps.

    Args:
        trials: n, a whole number that may be traced.
        probability: p.
        size: Number of values Q.
    """
    n = jnp.asarray(trials, float)
    mean, spread = n * probability, jnp.sqrt(n * probability * (1 - probability))
    stride = jnp.maximum(1.0, jnp.ceil(10 * spread / size))
    start = jnp.maximum(0.0, jnp.floor(mean - stride * size / 2))
    k = start + stride * jnp.arange(float(size))
    log_gamma = jax.scipy.special.gammaln
    there = k <= n
    rest = jnp.where(there, n - k, 0.0)
    size_of = -log_gamma(k + 1) - log_gamma(rest + 1)
    size_of = size_of + k * math.log(probability) + rest * math.log1p(-probability)
    return Quadrature(k, jax.nn.softmax(jnp.where(there, size_of, -jnp.inf)))


def skewed_tail(z: Float[Array, "*shape"], skewness: Real | Array) -> Float[Array, "*shape"]:
    """Returns the probability of a value below z standard deviations, by an Edgeworth expansion.

    Phi(z) - phi(z) g (z^2 - 1) / 6 - phi(z) g^2 (z^5 - 10 z^3 + 15 z) / 72, clipped to [0, 1]. Phi
    and phi are the distribution function and the density of the standard normal distribution.

    Args:
        z: Distance from the mean, in standard deviations.
        skewness: g.
    """
    density = jax.scipy.stats.norm.pdf(z)
    first = skewness * (z**2 - 1) / 6
    second = skewness**2 * z * (z**4 - 10 * z**2 + 15) / 72
    return jnp.clip(jax.scipy.stats.norm.cdf(z) - density * (first + second), 0, 1)


def patterns_at_error(law: Callable[[Scalar], Scalar], error: float | int, most: int) -> Scalar:
    """Returns the number of patterns K at which a law that rises with K reaches `error`.

    The result is a real number: between whole numbers K, the logarithm of the law is interpolated
    linearly. So it has derivatives with respect to the traced numbers that `law` uses. The result
    is 0 if the law exceeds `error` at K = 1, and `most` if it does not reach `error` at K = `most`.

    Args:
        law: Function of K, a whole number of at least 1 given as a float; returns the error.
        error: The error to reach, above 0.
        most: Largest result, a whole number.
    """

    def halve(_: object, ends: tuple[Scalar, Scalar]) -> tuple[Scalar, Scalar]:
        middle = jnp.floor((ends[0] + ends[1]) / 2)
        fine = law(middle) <= error
        return jnp.where(fine, middle, ends[0]), jnp.where(fine, ends[1], middle)

    ends = (jnp.asarray(1.0), jnp.asarray(float(most)))
    rounds = int(np.ceil(np.log2(most))) + 1
    low = jax.lax.stop_gradient(jax.lax.fori_loop(0, rounds, halve, ends)[0])
    errors = jax.vmap(law)(jnp.stack([low, low + 1]))
    below, above = jnp.log(jnp.maximum(errors, 1e-30))
    rise = jnp.maximum(above - below, 1e-6)
    crossing = low + (jnp.log(error) - below) / rise
    return jnp.where(below > jnp.log(error), 0.0, jnp.minimum(crossing, most))
