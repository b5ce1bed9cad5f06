"""Closed forms of the neuron-astrocyte network with linear synapses and processes.

Derived for this project from eqs 5-10 of Kozachkov, Slotine & Krotov (arXiv 2311.08135). T has an
eigenvalue t on each stored pair product; alpha and gamma are the leaks of synapses and processes
(over their activations' slopes, where those are not 1).
"""

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike

Number = float | ArrayLike
"""A number, or an array of numbers for which the form is evaluated one by one."""


SUPPORT = 0.495786
"""max tanh(u)^3 / u: of beta M N, the largest leak that lambda x = M |phi|^2 phi can hold."""


def certificate_margin(
    largest_eigenvalue: Number,
    alpha: Number,
    gamma: Number,
    slope_s: Number = 1.0,
    slope_p: Number = 1.0,
) -> Array:
    """(alpha / g') (gamma / psi' - lambda_max) - 1; (s, p) has one equilibrium where it is > 0."""
    largest, a, c, ls, lp = _arrays(largest_eigenvalue, alpha, gamma, slope_s, slope_p)
    return (a / ls) * (c / lp - largest) - 1


def transfer(eigenvalue: Number, alpha: Number, gamma: Number) -> Array:
    """M(t) = (gamma - t) / (alpha (gamma - t) - 1): what (s, p) return of phi phi^T to neurons.

    Valid where the certificate is; also, formally, at alpha = gamma = 0, where M(t) = t is the
    quartic dense memory of the paper's section 3 (an equilibrium that is a saddle).
    """
    t, a, c = _arrays(eigenvalue, alpha, gamma)
    return (c - t) / (a * (c - t) - 1)


def memory_gain(eigenvalue: Number, alpha: Number, gamma: Number) -> Array:
    """R = M(t) / M(0) - 1, the strength of a memory over the Hebbian background."""
    return transfer(eigenvalue, alpha, gamma) / transfer(0.0, alpha, gamma) - 1


def recall_threshold(gain: Number) -> Array:
    """The cue overlap m with R m^3 = 1 (few memories, saturated phi, weak neural leak).

    Good to 10 % from |x| = 5; from x = cue, where tanh is not saturated, cues of 0.8 m are
    recalled too.
    """
    return _arrays(gain)[0] ** (-1 / 3)


def wrong_bit_flips(gain: Number, overlap: Number) -> Array:
    """Whether R m^3 > 1, so that a wrong bit of a cue of overlap m flips; validity as above."""
    r, m = _arrays(gain, overlap)
    return r * m**3 > 1


def load_limit(overlap: Number, gain: Number = jnp.inf) -> Array:
    """The load kappa = K / (N^2 / 2) below which cues of overlap m are recalled.

    From R (1 - kappa) m^3 > 1 + R kappa: kappa = (m^3 - 1/R) / (1 + m^3). Projection rule, weak
    neural leak, saturated phi; a signal-to-background estimate, good to some 15 %. Where recall
    starts unsaturated, at x = cue, more is recalled: a quarter more patterns.
    """
    m, r = _arrays(overlap, gain)
    return (m**3 - 1 / r) / (1 + m**3)


def relaxation_time(
    eigenvalue: Number, alpha: Number, gamma: Number, tau_s: Number, tau_p: Number
) -> Array:
    """The slower relaxation of (s, p) on a mode with eigenvalue t, in the unit of the taus.

    -1 / (larger eigenvalue) of [[-alpha / tau_s, 1 / tau_s], [1 / tau_p, -(gamma - t) / tau_p]].
    """
    t, a, c, ts, tp = _arrays(eigenvalue, alpha, gamma, tau_s, tau_p)
    trace = -a / ts - (c - t) / tp
    determinant = (a * (c - t) - 1) / (ts * tp)
    return -2 / (trace + jnp.sqrt(trace**2 - 4 * determinant))


def relaxation_time_asymptotic(margin: Number, tau: Number) -> Array:
    """2 tau / margin, for alpha = 1, t = 1, gamma = 2 + margin and equal taus; small margins."""
    eps, ts = _arrays(margin, tau)
    return 2 * ts / eps


def gating_window(
    beta: Number, num_neurons: Number, eigenvalue: Number, alpha: Number, gamma: Number
) -> tuple[Array, Array]:
    """Neural leaks (beta M(0) N, beta M(t) N): the scales on which unstored, stored states decay.

    A state of strength M supports itself with phi = tanh(beta x) up to the leak
    [`nam_jax.theory.SUPPORT`][] * beta M N, thus between `SUPPORT` times both ends only stored
    states do. Exact with autapses, for memories orthogonal to each other and to what is unstored.
    """
    b, n = _arrays(beta, num_neurons)
    return b * transfer(0.0, alpha, gamma) * n, b * transfer(eigenvalue, alpha, gamma) * n


def saddle_eigenvalues(slope_s: Number, slope_p: Number, eigenvalue: Number) -> Array:
    """Both eigenvalues of (s, p) at alpha = gamma = 0 on a mode of T, tau = 1; ascending.

    The Jacobian [[0, psi'], [g', t psi']] has the determinant -g' psi' < 0: a saddle.
    """
    g, psi, t = _arrays(slope_s, slope_p, eigenvalue)
    root = jnp.sqrt((t * psi) ** 2 + 4 * g * psi)
    return jnp.stack([(t * psi - root) / 2, (t * psi + root) / 2], axis=-1)


def mode_eigenvalue_of_lesion(fraction: Number) -> Array:
    """1 - f: mean strength of a memory mode after fluxes are cut with probability f; t = 1."""
    return 1 - _arrays(fraction)[0]


def mode_eigenvalue_of_gap_junction(coupling: Number, share: Number = 0.5) -> Array:
    """The memory mode's eigenvalue when two astrocytes exchange a share g of their fluxes; t = 1.

    A mode with squared norms a and b = 1 - a in the two territories has the larger eigenvalue of
    [[a, g sqrt(a b)], [g sqrt(a b), b]], which for equal halves is (1 + g) / 2.
    """
    g, a = _arrays(coupling, share)
    return (1 + jnp.sqrt((2 * a - 1) ** 2 + 4 * g**2 * a * (1 - a))) / 2


def _arrays(*values: Number) -> list[Array]:
    return [jnp.asarray(value, float) for value in values]
