"""Share of wrong bits after one step of a memory with the expanded Hebbian rule, random patterns.

The rule (prospectus of Hanley, Definition 2.8.2) changes the weight from neuron j to i by

    dw_ij = c0 + c1pre x_j + c1post x_i + c2pre x_j^2 + c2post x_i^2 + c2corr x_i x_j,

when a pattern x is stored. The diagonal of w is zero, and the step starts at a stored pattern. All
functions can be differentiated by the coefficients. An error is the number of wrong bits over 2 a
N, where a is the activity: the share of neurons at 1 (a = 1/2 for patterns of -1 and +1). With k
winners the error is therefore the share of active neurons that are not among the winners, and a
memory that answers with silence has the error 1/2. Derived for this project.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nam_jax._misc import argument_error, is_concrete
from nam_jax._precision import full
from nam_jax._types import Scalar
from nam_jax.theory._quadrature import (
    Real,
    binomial_counts,
    binomial_quadrature,
    sign_quadrature,
    skewed_tail,
)
from nam_jax.theory._winners import Mixture, winners_miss

_POINTS = 24
_FEW_POINTS = 5
_COUNTS = 40
_MIDDLE = (1 / 6, 2 / 3, 1 / 6)
"""Weights of three points that have the first five moments of a Gaussian."""
_LEAST = 1e-6
"""Least variance under a square root, so that the root can be differentiated."""


class Coefficients(NamedTuple):
    """The six coefficients of the expanded rule; by default those of the activity product.

    Attributes:
        c0: Constant change.
        c1pre: Coefficient of x_j, the presynaptic neuron.
        c1post: Coefficient of x_i, the postsynaptic neuron.
        c2pre: Coefficient of x_j^2.
        c2post: Coefficient of x_i^2.
        c2corr: Coefficient of the product x_i x_j.
    """

    c0: Real = 0.0
    c1pre: Real = 0.0
    c1post: Real = 0.0
    c2pre: Real = 0.0
    c2post: Real = 0.0
    c2corr: Real = 1.0

    @property
    def common(self) -> Real:
        """C = c0 + c2pre + c2post, the sum that these three enter by if states are -1 and +1."""
        return self.c0 + self.c2pre + self.c2post


class Centred(NamedTuple):
    """The rule for states 0 and 1, written in u = x - a: A + B u_j + G u_i + c2corr u_i u_j.

    Attributes:
        constant: A.
        pre: B.
        post: G.
        product: c2corr.
    """

    constant: Real
    pre: Real
    post: Real
    product: Real


def centred_coefficients(coefficients: Coefficients, activity: float | int) -> Centred:
    """Returns the centred form for patterns of 0 and 1 with activity a, in which x^2 = x.

    For the covariance rule A, B and G are 0.
    """
    c, a = coefficients, activity
    pre, post = c.c1pre + c.c2pre, c.c1post + c.c2post
    constant = c.c0 + a * (pre + post) + a**2 * c.c2corr
    return Centred(constant, pre + a * c.c2corr, post + a * c.c2corr, c.c2corr)


@full
def hebbian_one_step_error(
    num_neurons: int,
    num_patterns: Real,
    coefficients: Coefficients,
    *,
    decay: float | int = 0,
    age: int = 0,
) -> Scalar:
    """Returns the probability that a bit of a stored pattern is wrong after one step.

    Patterns are random, of -1 and +1, and the threshold of all neurons is 0. The state starts at
    one stored pattern, the judged one.

    Three quantities are fixed first: the state of the bit, the sum m of the other bits of the
    pattern, and the sum A of the states of this bit in the other patterns (with a decay each state
    is weighted by w). The rest of the bit's field is a sum of about N K random signs, which is
    Gaussian from N = 100 on. Let mean and sd be the mean and the standard deviation of the field
    times the state. The bit is wrong with probability Phi(-mean / sd), where Phi is the normal
    distribution function. The result is the average over the three quantities.

    Args:
        num_neurons: N.
        num_patterns: K, the number of stored patterns.
        coefficients: Coefficients of the rule.
        decay: Share of all weights that is lost when a pattern is stored, in [0, 1). After t more
            patterns a pattern has the weight w = (1 - decay)^t.
        age: Number t of patterns that were stored after the judged pattern.

    Raises:
        ValueError: If `decay` is not in [0, 1).
    """
    if is_concrete(decay) and not 0 <= decay < 1:
        raise argument_error("decay", "lie in [0, 1)", decay)
    c, rest = coefficients, num_neurons - 1
    own = (1.0 - decay) ** age

    def others(power: int) -> Real:
        """The sum of w^power over the other patterns."""
        keep = (1 - decay) ** power
        whole = (1 - keep**num_patterns) / (1 - keep) if decay else num_patterns
        return whole - own**power

    squares, scale, skew = others(2), 1.0, 1.0
    if decay:  # the sum A is weighted by age, and so is its correlation with the noise
        scale, skew = jnp.sqrt(squares / (num_patterns - 1.0)), others(3) / squares
    of_bits, of_patterns = (sign_quadrature(n, _POINTS) for n in (rest, num_patterns - 1.0))
    m, a = of_bits.points[:, None], scale * of_patterns.points[None, :]
    total = jnp.asarray(0.0)
    for s in (-1.0, 1.0):
        mean = c.c2corr * rest * own + c.c1post * m * (own + a)
        mean = mean + s * (c.common * (own + others(1)) * m + c.c1pre * rest * own)
        cross = 2 * s * c.c2corr * c.c1pre * a * skew
        spread = rest * (squares * (c.c2corr**2 + c.c1pre**2) + cross)
        wrong = jax.scipy.stats.norm.sf(mean / jnp.sqrt(jnp.maximum(spread, _LEAST)))
        total = total + 0.5 * of_bits.weights @ wrong @ of_patterns.weights
    return total


@full
def hebbian_winners_error(
    num_neurons: int, num_patterns: Real, coefficients: Coefficients
) -> Scalar:
    """Returns the error for patterns of -1 and +1 if the k neurons of largest field become +1.

    k is the number of +1 in the pattern. A field that all neurons share does not change which
    fields are largest, so c1pre drops out. The common coefficient C (`Coefficients.common`) gives
    neuron i the field C K (S - s_i), where S is the sum of all states s, because no neuron is
    coupled to itself. C K S is shared, so only -C K s_i matters. If C < 0, it holds every neuron
    in its state, whether the state is stored or not.
    """
    c, rest, size = coefficients, num_neurons - 1, float(num_neurons)
    factors, shift = _given_sums(jnp.maximum(jnp.asarray(num_patterns, float) - 1, 1.0))

    def of_sum(m: Scalar) -> Scalar:
        signal = 2 * (c.c2corr * rest - c.common * num_patterns + c.c1post * m)
        noise = (num_patterns - 1) * ((c.c1post * m) ** 2 + c.c2corr**2 * rest)
        spread, active = jnp.sqrt(jnp.maximum(noise, _LEAST)), (size + m) / 2

        def of_spread(spread: Scalar) -> tuple[Scalar, Scalar]:
            silent = _two_humps(shift * spread, jnp.sqrt(1 - shift**2) * spread)
            winning = silent._replace(mean=signal + silent.mean)
            missed = winning.below(signal[None] / 2)[0]
            return winners_miss(winning, silent, active, size - active), missed

        losing, missed = (
            jnp.asarray(_MIDDLE) @ values for values in jax.vmap(of_spread)(spread * factors)
        )
        exact = jax.scipy.stats.norm.sf(signal / (2 * spread))
        return active / (size / 2) * losing * exact / jnp.maximum(missed, 1e-30)

    m, weights = sign_quadrature(size, _FEW_POINTS)
    return weights @ jax.vmap(of_sum)(m)


@full
def sparse_threshold_error(
    num_neurons: int,
    num_patterns: Real,
    activity: float | int,
    coefficients: Coefficients,
    threshold: Real,
) -> Scalar:
    """Returns the error for patterns of 0 and 1 and one threshold for all neurons and patterns.

    The error is a mean over the number r of other active neurons and over the number k of other
    patterns in which the neuron is active. Given r and k, the field is a sum of two binomial
    numbers; the probability of its tail is computed from its first three moments. The error is
    within 3 % of simulations for K >= 20, N = 400, a = 0.1.
    """
    silent, active = _fields(num_neurons, num_patterns, activity, coefficients)
    missed = active.average(skewed_tail((threshold - active.mean) / active.spread, active.skewness))
    above = skewed_tail((threshold - silent.mean) / silent.spread, silent.skewness)
    false = silent.average(1 - above)
    return (activity * missed + (1 - activity) * false) / (2 * activity)


@full
def sparse_best_threshold(
    num_neurons: int, num_patterns: Real, activity: float | int, coefficients: Coefficients
) -> Scalar:
    """Returns the threshold at which `sparse_threshold_error` is least.

    JAX sees the threshold as a constant. The derivative of the least error by a coefficient is
    right nevertheless, because at the minimum a small change of the threshold does not change the
    error (envelope theorem).
    """
    silent, active = _fields(num_neurons, num_patterns, activity, coefficients)
    low, high = (fields.average(fields.mean) for fields in (silent, active))
    ends = low, high

    def errors(thresholds: Float[Array, " T"]) -> Float[Array, " T"]:
        given = (num_neurons, num_patterns, activity, coefficients)
        return jax.vmap(lambda threshold: sparse_threshold_error(*given, threshold))(thresholds)

    for _ in range(2):
        tried = jnp.linspace(*ends, 9)
        step, place = tried[1] - tried[0], jnp.argmin(errors(tried))
        ends = tried[place] - step, tried[place] + step
    return jax.lax.stop_gradient((ends[0] + ends[1]) / 2)


@full
def sparse_winners_error(
    num_neurons: int, num_patterns: Real, activity: float | int, coefficients: Coefficients
) -> Scalar:
    """Returns the share of active neurons that are not among the k neurons of largest field.

    k is the number of active neurons of the pattern, and states are 0 and 1. In the notation of
    `Centred`, B hardly matters, because it adds nearly the same field to all neurons. A adds a
    field that all neurons share, and takes K A away from active neurons, because no neuron is
    coupled to itself. If A < 0, it therefore holds every neuron in its state.

    The fields of two neurons are correlated, because both depend on how many active neurons the
    other patterns share with the state. These numbers are therefore held fixed: a neuron that
    is active in j of the other patterns draws j of these numbers without replacement.

    Simulated at N = 350, the law over the simulation is

        0.99 to 1.05  for errors above 1 %, a N >= 35 and a K >= 7
        1.04 to 1.08  for errors above 1 % and a N = 17
        1.06 to 1.20  for a N = 10
        0.68 to 1.02  for errors of 0.05 to 0.3 %, a N >= 35 and a K of 7 to 9

    The last range is lowest at few patterns (a = 0.2, K = 36), where the variance of the noise
    differs from state to state. At a K = 3 the law can be 20 % too high for all errors, because the
    few patterns with the largest overlap decide.
    """
    c, a, size, others = coefficients, activity, float(num_neurons), num_patterns - 1.0
    pre, post = c.c1pre + c.c2pre, c.c1post + c.c2post
    of_patterns = binomial_counts(others, a, _COUNTS)
    k = of_patterns.points
    share = jnp.minimum(k / jnp.maximum(others, 1.0), 1.0)

    def fields(r: Scalar, s: float) -> Mixture:
        own = (r * (post + c.c2corr) - num_patterns * c.c0 - pre) * s
        mean = own + k * (r * (post + a * c.c2corr) - pre * s)
        drawn = r * a * (1 - a) * (k * (1 - share) + a * (1 - a))
        spread = jnp.sqrt(jnp.maximum(c.c2corr**2 * drawn, _LEAST))
        third = c.c2corr**3 * drawn * (1 - 2 * a) * (1 - 2 * share)
        return Mixture(mean, spread, third / spread**3, of_patterns.weights)

    def of_active(active: Scalar) -> Scalar:
        groups = fields(active - 1, 1.0), fields(active, 0.0)
        return active / (a * size) * winners_miss(*groups, active, size - active)

    points, weights = binomial_quadrature(size, a, _FEW_POINTS)
    return weights @ jax.vmap(of_active)(jnp.maximum(points + a * size, 1.5))


def _given_sums(others: Scalar) -> tuple[Float[Array, " 3"], Scalar]:
    """Returns how the noise of a field varies from state to state, and how it is not Gaussian.

    All neurons share the overlaps Z of the state with the other K - 1 patterns; the noise of a
    neuron is a sum of +-Z. For one state, the variance of the noise is chi-squared with one degree
    of freedom for each pattern, and its excess kurtosis is -6 / (K - 1). Two equal Gaussians at
    +-(3 / (K - 1))^(1/4) standard deviations have that kurtosis. Averaged over states the noise is
    Gaussian.

    Args:
        others: K - 1.

    Returns:
        Three factors of the noise's standard deviation, (3,), by Wilson & Hilferty's approximation;
        and the distance of the two Gaussians from 0, in standard deviations.
    """
    tilt = 2 / (9 * others)
    cubes = jnp.maximum(1 - tilt + jnp.sqrt(3 * tilt) * jnp.asarray([-1.0, 0.0, 1.0]), 0.1)
    return cubes**1.5, jnp.minimum(3 / others, 0.8) ** 0.25


def _two_humps(shift: Scalar, spread: Scalar) -> Mixture:
    """Returns two equal Gaussians of the given spread at -shift and +shift."""
    both = jnp.stack([-shift, shift])
    return Mixture(both, jnp.stack([spread, spread]), 0 * both, jnp.full_like(both, 0.5))


class _Fields(NamedTuple):
    """Moments of the field of a neuron, for every r (rows) and every k (columns).

    r is the number of other neurons that are active in the pattern. k is the number of other
    patterns in which the neuron is active.

    Attributes:
        mean: Mean of the field at each (r, k).
        spread: Standard deviation of the field at each (r, k).
        skewness: Skewness of the field at each (r, k).
        of_others: Probability of each r.
        of_patterns: Probability of each k.
    """

    mean: Float[Array, "R P"]
    spread: Float[Array, "R P"]
    skewness: Float[Array, "R P"]
    of_others: Float[Array, " R"]
    of_patterns: Float[Array, " P"]

    def average(self, values: Float[Array, "R P"]) -> Scalar:
        """Returns the mean of `values` over r and k."""
        return self.of_others @ values @ self.of_patterns


def _fields(
    num_neurons: int, num_patterns: Real, activity: float | int, coefficients: Coefficients
) -> tuple[_Fields, _Fields]:
    """Returns the moments of the field of a silent neuron, then of an active neuron."""
    c, a, others = coefficients, activity, num_patterns - 1.0
    pre, post = c.c1pre + c.c2pre, c.c1post + c.c2post
    both = pre + c.c2corr
    of_bits = binomial_counts(num_neurons - 1.0, a, _COUNTS)
    of_patterns = binomial_counts(others, a, _COUNTS)
    r = of_bits.points[:, None]
    k = of_patterns.points[None, :]
    v = a * (1 - a)
    noise = r * v * (both**2 * k + pre**2 * (others - k))
    third = r * v * (1 - 2 * a) * (both**3 * k + pre**3 * (others - k))
    spread = jnp.sqrt(jnp.maximum(noise, _LEAST))

    def given(s: float) -> _Fields:
        own = pre + (post + c.c2corr) * s + num_patterns * c.c0
        mean = r * (own + post * k + a * (both * k + pre * (others - k)))
        return _Fields(mean, spread, third / spread**3, of_bits.weights, of_patterns.weights)

    return given(0.0), given(1.0)
