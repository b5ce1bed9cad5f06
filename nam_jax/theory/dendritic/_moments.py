"""Moments of the drive of a memory neuron in a dendritic network, over fixed random connections."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.special import comb

from nam_jax._precision import full
from nam_jax._types import Scalar
from nam_jax.theory.dendritic._circuit import Circuit, Number

_POWERS, _TERMS = np.arange(1, 4, dtype=np.int32)[:, None], np.arange(4, dtype=np.int32)[None, :]
_PASCAL = np.asarray(comb(_POWERS, _TERMS))
"""Binomial coefficients; row p - 1 holds the coefficients of the power p."""
_LEFT = np.maximum(_POWERS - _TERMS, 0)
"""p - i in row p - 1 and column i, and 0 where that is negative."""
_HANKEL = _TERMS.T + _TERMS
"""i + j in row i and column j."""


def gamma_moments(shape: Number, mean: Number) -> Float[Array, "7"]:
    """Returns E[A^p] for p = 0 .. 6 of a gamma distribution of mean m.

    E[A^p] is m^p times the product of 1 + i / shape over i < p.
    """
    factors = mean * (1 + jnp.arange(6.0) / shape)
    return jnp.concatenate([jnp.ones(1), jnp.cumprod(factors)])


def occupancy(circuit: Circuit, k: Number, p: Number) -> Float[Array, "3"]:
    """Returns mean, variance and third cumulant of the number of branches that hold a cued neuron.

    There are D - 1 branches and k cued neurons, and a neuron is on at most one branch: on a given
    branch with the probability p. Mean and variance are exact; the third cumulant neglects that two
    neurons may be on the same branch.
    """
    branches = circuit.num_branches - 1
    log_empty = k * jnp.log1p(-p)
    empty, filled = jnp.exp(log_empty), -jnp.expm1(log_empty)
    # This is (1 - 2 p)^k - (1 - p)^(2 k), written so that no digits cancel.
    excess = empty**2 * jnp.expm1(k * jnp.log1p(-jnp.minimum((p / (1 - p)) ** 2, 0.999)))
    mean = branches * filled
    variance = mean * empty + branches * (branches - 1) * excess
    linked = branches * p
    third = k * linked * (1 - linked) * (1 - 2 * linked)
    return jnp.stack([mean, variance, third])


@full
def feedback_moments(
    circuit: Circuit,
    own: Float[Array, "3"],
    quiet: Float[Array, "3"],
    busy: Float[Array, "3"],
    active: Float[Array, "3"],
) -> Float[Array, "3"]:
    """Returns the raw moments 1 to 3 of (C A - c m) v, with v in Hz.

    This product is the term of one feature neuron in the drive of a memory neuron. v is the rate of
    the feature neuron. C is 1 if the two neurons are connected and 0 otherwise, with mean c. A is
    the weight of the branch on which they are connected, with mean m; see `drives`. The moments are
    averages over random connections and weights.

    Args:
        circuit: The network.
        own: Raw moments 1 to 3 of G, the output of the branch on which the two neurons are
            connected.
        quiet: Raw moments 1 to 3 of the output of an inactive branch.
        busy: Raw moments 1 to 3 of the output of an active branch.
        active: Cumulants 1 to 3 of the number of active branches among the other D - 1 branches.
    """
    # With sqrt(D) v = C A G + R, a connected neuron (C = 1, probability c) has the moments
    # E[(A - c m)^p (A G + R)^p]. Both powers are expanded: for p = 1 the four terms are
    # -c m E[R] - c m E[A] E[G] + E[A] E[R] + E[A^2] E[G]. For a neuron that is not connected,
    # E[(-c m)^p R^p] is left. R is a sum over the other branches, so its cumulants add.
    c, m, branches = circuit.connectivity, circuit.dendritic_mean, circuit.num_branches
    a = gamma_moments(circuit.gamma_shape, m)
    idle = cumulants(a[1:4] * quiet)
    gain = cumulants(a[1:4] * busy) - idle
    # The law of total cumulance, with the number of other branches that are active as condition.
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
    """Returns mean, variance and third central moment from the raw moments 1 to 3."""
    first, second, third = raw
    return jnp.stack([first, second - first**2, third - 3 * first * second + 2 * first**3])


def raw_moments(cumulants: Float[Array, "3"]) -> Float[Array, "4"]:
    """Returns the raw moments 0 to 3 from mean, variance and third central moment."""
    mean, variance, third = cumulants
    second = variance + mean**2
    return jnp.stack([jnp.ones_like(mean), mean, second, third + 3 * mean * variance + mean**3])


def inhibition_moments(
    circuit: Circuit, feature: Scalar, first: Scalar, second: Scalar
) -> Float[Array, "3"]:
    """Returns the parts of I1 and I2 in mean, variance and third central moment of a drive.

    The term -c m v of `feedback_moments` assumes that I2 fires at the mean rate of E2. I2 fires at
    the slightly lower rate `second`; the mean returned here contains the difference.

    Args:
        circuit: The network.
        feature: Mean rate of the feature neurons E2 in Hz.
        first: Mean rate of I1 in Hz.
        second: Mean rate of I2 in Hz.
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
