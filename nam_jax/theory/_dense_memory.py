"""Capacity of discrete dense memories with F = z^n / n: leading order in N."""

import math

import jax.numpy as jnp
import scipy
from jax.scipy.stats import norm
from jaxtyping import Array, ArrayLike

from nam_jax._misc import argument_error

Number = float | ArrayLike
"""A number, or an array of numbers: the formula is then evaluated for each entry."""


def capacity_at_error(num_neurons: Number, n: int, error: Number) -> Array:
    """Returns the number of patterns K = N^(n-1) / ((2n-3)!! z^2) at a given error of one step.

    z is the normal quantile of 1 - error. For updates by energy differences (Krotov & Hopfield,
    arXiv 1606.01164). At N = 32 the exact K at an error of 0.5 % is a fifth larger for n = 2 and
    7 % smaller for n = 3 and 4; at N = 128 all are within 4 %.

    Args:
        num_neurons: N.
        n: Power of F = z^n / n.
        error: Probability that a bit of a stored pattern is wrong after one step.
    """
    size, error = jnp.asarray(num_neurons, float), jnp.asarray(error, float)
    if 2 * n - 3 > _LONGEST:
        return _over_odd_factorial(size, n - 1, 2 * n - 3) / norm.isf(error) ** 2
    return size ** (n - 1) / (_odd_factorial(2 * n - 3) * norm.isf(error) ** 2)


def capacity_without_errors(num_neurons: Number, n: int, *, all_patterns: bool = False) -> Array:
    """Returns K = N^(n-1) / (2 (2n-3)!! ln N), below which a given pattern has no wrong bit.

    Leading order in N (Krotov & Hopfield, arXiv 1606.01164).

    Args:
        num_neurons: N.
        n: Power of F = z^n / n.
        all_patterns: Whether all patterns must have no wrong bit; K is then n times smaller.
    """
    size = jnp.asarray(num_neurons, float)
    if 2 * n - 3 > _LONGEST:
        whole = _over_odd_factorial(size, n - 1, 2 * n - 3) / (2 * jnp.log(size))
    else:
        whole = size ** (n - 1) / (2 * _odd_factorial(2 * n - 3) * jnp.log(size))
    return whole / n if all_patterns else whole


def pairwise_load(overlap: float = 0.0) -> float:
    """Returns the largest load K / N at which Hopfield's network keeps a stored pattern.

    For n = 2, N to infinity, and neurons that are updated until none changes: a pattern is kept if
    a stable state has at least `overlap` with it. With y = m / sqrt(2 a r), where m is the overlap,
    a the load and r the mean square overlap with other patterns, the equations of Amit, Gutfreund &
    Sompolinsky (Annals of Physics 173, 30, 1987) at zero temperature are m = erf(y) and
    sqrt(2 a) = erf(y) / y - 2 exp(-y^2) / sqrt(pi). The largest a is 0.138, at m = 0.967. This is
    without replica symmetry breaking, which changes the third digit. Finite networks keep patterns
    at larger loads: 0.155 N at N = 2048.

    Args:
        overlap: The least overlap m, in [0, 1).
    """
    if not 0 <= overlap < 1:
        raise argument_error("overlap", "be in [0, 1)", overlap)

    def load(y: float) -> float:
        root = scipy.special.erf(y) / y - 2 / math.sqrt(math.pi) * math.exp(-(y**2))
        return 0.5 * float(root) ** 2

    top = scipy.optimize.minimize_scalar(lambda y: -load(y), bounds=(1.0, 3.0), method="bounded")
    return load(max(float(top.x), float(scipy.special.erfinv(overlap))))


def self_coupled_capacity(num_neurons: Number, n: int, flips: Number) -> Array:
    """Returns K = N^(n/2) (1 - 2r)^(n-1) / (n-1)!!, the capacity of the literal single pass.

    Up to this K it corrects wrong bits; for even n. Each pattern adds (n-1)!! N^((n-2)/2) to the
    bias of a neuron towards its own state; at this K that bias is as large as the signal. Good to a
    factor of 1.5.

    Args:
        num_neurons: N.
        n: Power of F = z^n / n.
        flips: r, fraction of flipped bits in the cue.
    """
    size, flips = jnp.asarray(num_neurons, float), jnp.asarray(flips, float)
    if n - 1 > _LONGEST:
        return _over_odd_factorial(size, n / 2, n - 1) * (1 - 2 * flips) ** (n - 1)
    return size ** (n / 2) * (1 - 2 * flips) ** (n - 1) / _odd_factorial(n - 1)


_LONGEST = 19
"""The largest m whose m (m - 2) ... 1 is a 32-bit whole number."""


def _odd_factorial(m: int) -> int:
    """Returns m (m - 2) (m - 4) ... 1 for odd m."""
    return math.prod(range(m, 0, -2))


def _over_odd_factorial(size: Array, power: float | int, m: int) -> Array:
    """size^power / (m (m - 2) ... 1), both too large for floats of 32 bits."""
    return jnp.exp(power * jnp.log(size) - math.log(_odd_factorial(m)))
