"""Errors of a memory that adds up pairs of random keys and values, such as linear attention."""

import math

import numpy as np
import scipy


def superposition_error(
    num_pairs: float | int,
    key_size: int,
    value_size: int,
    num_values: int,
    *,
    n: int = 2,
    rectified: bool = False,
) -> float:
    """Returns the probability that a wrong value is read from a memory of K pairs.

    The answer to the key k_1 is y = sum_mu w_mu v_mu with w_mu = (k_mu . k_1)^(n-1); n = 2 is a
    correlation matrix. The value read is the one of M codes with the largest product with y. Keys
    are random unit vectors of D numbers, codes random unit vectors of d numbers; the value of each
    pair is drawn anew from the M codes. The cross-talk sum_(mu > 1) w_mu v_mu has the mean square

        c^2 = (K-1) <w^2> + (K-1)^2 <w>^2 / M,   <w^2> = (2n-3)!! / D^(n-1),

    and half of each moment if weights are rectified. The product of the right code with y is
    s = 1 + b u, with u normal and b^2 = c^2 / d + e^2, where e^2 = (K-1) <w^2> / M because values
    repeat. A wrong code exceeds it with the probability 1 - F, where F is the distribution function
    of the product of two random unit vectors of d numbers:

        error = 1 - E_u [F(s / sqrt(s^2 + (1 - 1/d) c^2 + d e^2))^(M-1)].

    For n = 2, c^2 = K / D. The error depends on c^2 / d, so capacity grows as d D / ln M and not as
    D alone. Trained codes and keys can do better. Signal and noise as in Kohonen 1972, IEEE Trans.
    Comput. C-21, 353, and Krotov & Hopfield, arXiv 1606.01164. Within 0.07 of simulations of codes
    of bits for n = 2 and 3 from D = d = 16 on. Errors of a few per cent occur at up to 1.4 times
    smaller K, because the products of codes that are stored have tails that are not normal.

    Args:
        num_pairs: K.
        key_size: D.
        value_size: d.
        num_values: M.
        n: Power of the memory, at least 2.
        rectified: Whether weights are max(k_mu . k_1, 0)^(n-1).
    """
    power = n - 1
    half = 0.5 if rectified else 1.0
    square = half * _absolute_moment(2 * power) / key_size**power
    mean = 0.5 if rectified else float(power % 2 == 0)
    mean *= _absolute_moment(power) / key_size ** (power / 2)
    others, d = num_pairs - 1, value_size
    crosstalk = others * square + (others * mean) ** 2 / num_values
    repeats = others * square / num_values
    u, weight = np.polynomial.hermite_e.hermegauss(80)
    right = 1 + math.sqrt(crosstalk / d + repeats) * u
    share = right / np.sqrt(right**2 + (1 - 1 / d) * crosstalk + d * repeats)
    tail = 0.5 * scipy.special.betaincc(0.5, (d - 1) / 2, share**2)
    above = np.where(share < 0, 1 - tail, tail)
    # 1 - (1 - above)^(M-1), so that small errors are not lost beside 1.
    with np.errstate(divide="ignore"):
        exceeded = -np.expm1((num_values - 1) * np.log1p(-above))
    return min(float(weight @ exceeded / math.sqrt(2 * math.pi)), 1.0)


def superposition_capacity(
    error: float,
    key_size: int,
    value_size: int,
    num_values: int,
    *,
    n: int = 2,
    rectified: bool = False,
) -> float:
    """Returns the K at which `superposition_error` is `error`, a number between 0 and 1 - 1/M."""

    def excess(log_pairs: float) -> float:
        pairs = math.exp(log_pairs)
        sizes = (key_size, value_size, num_values)
        return superposition_error(pairs, *sizes, n=n, rectified=rectified) - error

    return math.exp(scipy.optimize.root_scalar(excess, bracket=(0.0, 40.0)).root)


def _absolute_moment(m: int) -> float:
    """Returns E |u|^m for a normal u."""
    return 2 ** (m / 2) * math.gamma((m + 1) / 2) / math.sqrt(math.pi)
