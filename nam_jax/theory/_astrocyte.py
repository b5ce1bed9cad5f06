"""Closed forms of the neuron-astrocyte network with linear synapses and processes.

Derived for this project from eqs 5-10 of Kozachkov, Slotine & Krotov (arXiv 2311.08135).

Symbols: t is the eigenvalue of the tensor T on a stored pair product xi xi^T; (s, p) are the states
of synapses and processes; alpha and gamma are their leaks. If the activation of synapses or
processes has another slope than 1, divide its leak by that slope. All numbers are dimensionless
except times, which have the unit of the time constants given.
"""

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike

Number = float | ArrayLike
"""A number, or an array of numbers: the formula is then evaluated for each entry."""


SUPPORT = 0.495786
"""max over u of tanh(u)^3 / u.

A network state with lambda x = M |phi|^2 phi exists for leaks lambda up to SUPPORT * beta M N.
"""


def certificate_margin(
    largest_eigenvalue: Number,
    alpha: Number,
    gamma: Number,
    slope_s: Number = 1.0,
    slope_p: Number = 1.0,
) -> Array:
    """Returns the margin (alpha / g') (gamma / psi' - lambda_max) - 1 of the certificate.

    If it is above 0, (s, p) has one equilibrium for each state of the neurons.

    Args:
        largest_eigenvalue: lambda_max of T.
        alpha: Leak of the synapses.
        gamma: Leak of the processes.
        slope_s: g', the largest slope of the synapses' activation.
        slope_p: psi', the largest slope of the processes' activation.
    """
    largest, a, c, ls, lp = _arrays(largest_eigenvalue, alpha, gamma, slope_s, slope_p)
    return (a / ls) * (c / lp - largest) - 1


def transfer(eigenvalue: Number, alpha: Number, gamma: Number) -> Array:
    """Returns M(t) = (gamma - t) / (alpha (gamma - t) - 1), the gain of synapses and processes.

    Neurons send the pair products phi phi^T; at their equilibrium, synapses and processes send back
    M(t) times the part of phi phi^T on which T has the eigenvalue t. The formula holds where the
    certificate holds. At alpha = gamma = 0 it gives M(t) = t, the quartic dense memory of section 3
    of the paper, but that equilibrium is a saddle.
    """
    t, a, c = _arrays(eigenvalue, alpha, gamma)
    return (c - t) / (a * (c - t) - 1)


def memory_gain(eigenvalue: Number, alpha: Number, gamma: Number) -> Array:
    """Returns R = M(t) / M(0) - 1, the strength of a memory relative to that of no memory."""
    return transfer(eigenvalue, alpha, gamma) / transfer(0.0, alpha, gamma) - 1


def recall_threshold(gain: Number) -> Array:
    """Returns the overlap m at which R m^3 = 1: cues of a larger overlap are recalled.

    Assumes few memories, saturated neurons and a weak neural leak. The error is at most 10 % if
    voltages start at |x| = 5. If they start at x = cue, tanh is not saturated and cues of overlap
    0.8 m are recalled too.

    Args:
        gain: R of `memory_gain`.
    """
    return _arrays(gain)[0] ** (-1 / 3)


def wrong_bit_flips(gain: Number, overlap: Number) -> Array:
    """Returns whether R m^3 > 1, so that a wrong bit of a cue of overlap m flips.

    Valid under the assumptions of `recall_threshold`.
    """
    r, m = _arrays(gain, overlap)
    return r * m**3 > 1


def load_limit(overlap: Number, gain: Number = jnp.inf) -> Array:
    """Returns the load kappa = K / (N^2 / 2) below which cues of overlap m are recalled.

    The signal exceeds the background if R (1 - kappa) m^3 > 1 + R kappa, which gives
    kappa = (m^3 - 1/R) / (1 + m^3). Assumes the projection rule, a weak neural leak and saturated
    neurons; an estimate, good to about 15 %. If voltages start unsaturated, at x = cue, a quarter
    more patterns are recalled.

    Args:
        overlap: m, overlap of the cue with its pattern.
        gain: R of `memory_gain`.
    """
    m, r = _arrays(overlap, gain)
    return (m**3 - 1 / r) / (1 + m**3)


def relaxation_time(
    eigenvalue: Number, alpha: Number, gamma: Number, tau_s: Number, tau_p: Number
) -> Array:
    """Returns the time in which (s, p) relax on a mode of T with eigenvalue t.

    It is -1 / (larger eigenvalue) of the Jacobian
    [[-alpha / tau_s, 1 / tau_s], [1 / tau_p, -(gamma - t) / tau_p]], in the unit of the taus.
    """
    t, a, c, ts, tp = _arrays(eigenvalue, alpha, gamma, tau_s, tau_p)
    trace = -a / ts - (c - t) / tp
    determinant = (a * (c - t) - 1) / (ts * tp)
    return -2 / (trace + jnp.sqrt(trace**2 - 4 * determinant))


def relaxation_time_asymptotic(margin: Number, tau: Number) -> Array:
    """Returns 2 tau / margin, which approximates `relaxation_time` for margins far below 1.

    Valid for alpha = 1, eigenvalue t = 1, gamma = 2 + margin and tau_s = tau_p = tau.
    """
    eps, ts = _arrays(margin, tau)
    return 2 * ts / eps


def gating_window(
    beta: Number, num_neurons: Number, eigenvalue: Number, alpha: Number, gamma: Number
) -> tuple[Array, Array]:
    """Returns the neural leaks (beta M(0) N, beta M(t) N).

    A state whose pair products have the gain M persists, with phi = tanh(beta x), up to the leak
    0.495786 * beta M N. So between 0.495786 times the first leak and 0.495786 times the second,
    stored states persist and all others fall silent. Exact with autapses, if memories are
    orthogonal to each other and to the states that are not stored.
    """
    b, n = _arrays(beta, num_neurons)
    return b * transfer(0.0, alpha, gamma) * n, b * transfer(eigenvalue, alpha, gamma) * n


def saddle_eigenvalues(slope_s: Number, slope_p: Number, eigenvalue: Number) -> Array:
    """Returns both eigenvalues of (s, p) without leaks on a mode of T, in ascending order.

    For alpha = gamma = 0 and time constants of 1. The Jacobian [[0, psi'], [g', t psi']] has the
    determinant -g' psi' < 0, so one eigenvalue is positive: the equilibrium is a saddle.
    """
    g, psi, t = _arrays(slope_s, slope_p, eigenvalue)
    root = jnp.sqrt((t * psi) ** 2 + 4 * g * psi)
    return jnp.stack([(t * psi - root) / 2, (t * psi + root) / 2], axis=-1)


def mode_eigenvalue_of_lesion(fraction: Number) -> Array:
    """Returns 1 - f, the mean eigenvalue of a mode after fluxes are cut with probability f.

    Before the cut it is 1.
    """
    return 1 - _arrays(fraction)[0]


def mode_eigenvalue_of_gap_junction(coupling: Number, share: Number = 0.5) -> Array:
    """Returns the eigenvalue of a mode that two coupled astrocytes share; 1 for one astrocyte.

    The mode has the squared norm a in the first territory and b = 1 - a in the second; the
    astrocytes exchange a share g of their fluxes. The result is the larger eigenvalue of
    [[a, g sqrt(a b)], [g sqrt(a b), b]], which is (1 + g) / 2 for equal halves.

    Args:
        coupling: g.
        share: a.
    """
    g, a = _arrays(coupling, share)
    return (1 + jnp.sqrt((2 * a - 1) ** 2 + 4 * g**2 * a * (1 - a))) / 2


def _arrays(*values: Number) -> list[Array]:
    return [jnp.asarray(value, float) for value in values]
