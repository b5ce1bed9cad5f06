"""Moments of what a memory neuron of a dendritic network receives, over its fixed connections."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.special import comb

from nam_jax._types import Scalar
from nam_jax.theory.dendritic._circuit import Circuit, Number

_POWERS, _TERMS = np.arange(1, 4, dtype=np.int32)[:, None], np.arange(4, dtype=np.int32)[None, :]
_PASCAL = np.asarray(comb(_POWERS, _TERMS))
"""Binomial coefficients; row p - 1 is that of the power p."""
_LEFT = np.maximum(_POWERS - _TERMS, 0)
_HANKEL = _TERMS.T + _TERMS


def gamma_moments(shape: Number, mean: Number) -> Float[Array, "7"]:
    """E[A^p] for p = 0 .. 6 of a gamma law: m^p times the product of 1 + i / shape for i < p."""
    factors = mean * (1 + jnp.arange(6.0) / shape)
    return jnp.concatenate([jnp.ones(1), jnp.cumprod(factors)])


def occupancy(circuit: Circuit, k: Number, p: Number) -> Float[Array, "3"]:
    """Cumulants of how many of D - 1 branches hold any of k neurons, each on one with chance p.

    Mean and variance are exact; the third cumulant is that without coincidences.
    """
    branches = circuit.num_branches - 1
    log_empty = k * jnp.log1p(-p)
    empty, filled = jnp.exp(log_empty), -jnp.expm1(log_empty)
    # (1 - 2 p)^k - (1 - p)^(2 k), without the loss of digits.
    excess = empty**2 * jnp.expm1(k * jnp.log1p(-jnp.minimum((p / (1 - p)) ** 2, 0.999)))
    mean = branches * filled
    variance = mean * empty + branches * (branches - 1) * excess
    linked = branches * p
    third = k * linked * (1 - linked) * (1 - 2 * linked)
    return jnp.stack([mean, variance, third])


def feedback_moments(
    circuit: Circuit,
    own: Float[Array, "3"],
    quiet: Float[Array, "3"],
    busy: Float[Array, "3"],
    active: Float[Array, "3"],
) -> Float[Array, "3"]:
    """Raw moments 1 to 3 of (C A - c m) v over feature neurons, v their rate in Hz.

    Args:
        circuit: The network.
        own: Moments of the output of the branch on which the memory neuron is.
        quiet: Those of an inactive branch.
        busy: Those of an active branch.
        active: Cumulants of the number of active ones among the other branches.
    """
    c, m, branches = circuit.connectivity, circuit.dendritic_mean, circuit.num_branches
    a = gamma_moments(circuit.gamma_shape, m)
    idle = cumulants(a[1:4] * quiet)
    gain = cumulants(a[1:4] * busy) - idle
    # Of the law of total cumulance, given how many of the other branches are active.
    rest = (
        (branches - 1) * idle
        + active[0] * gain
        + active[1] * gain[0] * jnp.stack([jnp.zeros_like(m), gain[0], 3 * gain[1]])
    )
    rest = raw_moments(rest.at[2].add(active[2] * gain[0] ** 3))
    outputs = jnp.concatenate([jnp.ones(1), own])
    base, root = -c * m, jnp.sqrt(branches)
    powers = jnp.stack([jnp.ones_like(base), base, base**2, base**3])
    pascal = jnp.asarray(_PASCAL, rest.dtype)
    linked = jnp.einsum(
        "pi,pj,ij,j->p", pascal * powers[_LEFT], pascal * rest[_LEFT], a[_HANKEL], outputs
    )
    apart = powers[1:] * rest[1:]
    return (c * linked + (1 - c) * apart) / jnp.stack([root, branches, branches * root])


def cumulants(raw: Float[Array, "3"]) -> Float[Array, "3"]:
    """Mean, variance and third central moment of what has these raw moments 1 to 3."""
    first, second, third = raw
    return jnp.stack([first, second - first**2, third - 3 * first * second + 2 * first**3])


def raw_moments(cumulants: Float[Array, "3"]) -> Float[Array, "4"]:
    """Raw moments 0 to 3 of what has these cumulants."""
    mean, variance, third = cumulants
    second = variance + mean**2
    return jnp.stack([jnp.ones_like(mean), mean, second, third + 3 * mean * variance + mean**3])


def inhibition_moments(
    circuit: Circuit, feature: Scalar, first: Scalar, second: Scalar
) -> Float[Array, "3"]:
    """What I1 and I2 add to mean, variance and third central moment of a memory neuron's drive.

    That I2 subtracts the mean of E2 is counted elsewhere; here is what its own inhibition leaves.

    Args:
        circuit: The network.
        feature: Mean rate of the feature neurons in Hz.
        first: That of I1.
        second: That of I2.
    """
    c, w, m = circuit.connectivity, circuit.spread, circuit.dendritic_mean
    size = circuit.num_feature
    spread = 1 + w**2 / 3 - c
    lopsided = 1 + w**2 - 3 * c * (1 + w**2 / 3) + 2 * c**2
    mean = jnp.sqrt(c * size) * (m * (feature - second) - first)
    ratio = (size / circuit.num_feature_inhibitory, size / circuit.num_memory_inhibitory)
    variance = spread * (ratio[0] * (m * second) ** 2 + ratio[1] * first**2)
    third = ratio[0] ** 2 * (m * second) ** 3 + ratio[1] ** 2 * first**3
    return jnp.stack([mean, variance, -lopsided * third / jnp.sqrt(c * size)])
