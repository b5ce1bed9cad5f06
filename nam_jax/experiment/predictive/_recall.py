"""Cues with unknown pixels, completed by predictive coding networks and by other methods."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Bool, Float

from nam_jax._types import Key, Pattern, Patterns, Scalar
from nam_jax.experiment.predictive._networks import Recurrent, inferred
from nam_jax.network import EnergyNetwork

RIDGE = 0.001
STEP_OF_STABILITY = 1.5
"""A step that is not given is this over the largest eigenvalue; Euler steps diverge from 2 on."""


class Cues(NamedTuple):
    """Images with unknown pixels.

    Attributes:
        images: The stored images, (K, N).
        right: (M,), the number of the right image of each cue.
        known: (M, N), whether each pixel is known.
        start: (M, N), the right pixels where they are known, else those of the mean image.
    """

    images: Patterns
    right: np.ndarray
    known: Bool[Array, "M N"]
    start: Patterns


def make_cues(images: Patterns, num_unknown: int, num_masks: int, *, key: Key) -> Cues:
    """Returns `num_masks` cues of each image, with random unknown pixels."""
    right = np.tile(np.arange(len(images)), num_masks)
    keys = jr.split(key, len(right))
    order = jax.vmap(lambda key: jr.permutation(key, images.shape[1]))(keys)
    known = order >= num_unknown
    return Cues(images, right, known, jnp.where(known, images[right], images.mean(axis=0)[None, :]))


def by_network(
    network: EnergyNetwork, cues: Cues, steps: int, step: float | Scalar
) -> Float[np.ndarray, "M N"]:
    """Returns cues after Euler steps of a network's flow, known pixels held."""
    return np.asarray(_by_network(network, cues.start, cues.known, steps, jnp.asarray(step)))


@eqx.filter_jit
def _by_network(
    network: EnergyNetwork, start: Patterns, known: Bool[Array, "M N"], steps: int, step: Scalar
) -> Patterns:
    states = jax.vmap(network.initial_state)(start)
    return jax.vmap(network.readout)(inferred(network, states, known, steps, step))


def dendritic(network: Recurrent, cues: Cues, steps: int, step: float) -> Float[np.ndarray, "M N"]:
    """Returns cues after Euler steps of the dendritic dynamics dx/dt = -(I - W)(x - mean).

    During learning I - W is not symmetric, so that these dynamics follow no energy.
    """

    def moved(_: Any, x: Patterns) -> Patterns:
        flow = -(x - network.mean[None, :]) @ network.errors.T
        return jnp.where(cues.known, x, x + step * flow)

    return np.asarray(jax.lax.fori_loop(0, steps, moved, cues.start))


def pseudo_inverse(cues: Cues, passes: int) -> Float[np.ndarray, "M N"]:
    """Returns cues after passes of z = P z, with P the projector on the centred images.

    It is Hopfield's network with the couplings of the pseudo-inverse and linear neurons.
    """
    mean = cues.images.mean(axis=0)[None, :]
    centred = cues.images - mean
    projector = jnp.linalg.pinv(centred) @ centred

    def passed(_: Any, x: Patterns) -> Patterns:
        return jnp.where(cues.known, x, mean + (x - mean) @ projector)

    return np.asarray(jax.lax.fori_loop(0, passes, passed, cues.start))


def at_rest(
    matrix: Float[np.ndarray, "N N"], mean: Pattern | Float[np.ndarray, " N"], cues: Cues
) -> Float[np.ndarray, "M N"]:
    """Returns cues whose unknown pixels u solve [M (x - mean)]_u = 0, in float64.

    With M = (I - W)^T (I - W) it is the exact rest of the implicit dynamics, with M = I - W that of
    the dendritic dynamics, and with M the inverse of a covariance the conditional mean.

    Args:
        matrix: M, (N, N).
        mean: The mean image.
        cues: The cues.
    """
    matrix, mean = np.asarray(matrix, np.float64), np.asarray(mean, np.float64)
    completed = np.array(cues.start, np.float64)
    for row, known in zip(completed, np.asarray(cues.known), strict=True):
        force = matrix[np.ix_(~known, known)] @ (row[known] - mean[known])
        # The shortest solution, as M may be singular.
        solved = np.linalg.lstsq(matrix[np.ix_(~known, ~known)], -force, rcond=1e-9)[0]
        row[~known] = mean[~known] + solved
    return completed


def conditional_mean(cues: Cues) -> Float[np.ndarray, "M N"]:
    """Returns cues completed by the Gaussian with the mean and covariance of the images."""
    images = np.asarray(cues.images, np.float64)
    covariance = np.cov(images, rowvar=False, bias=True)
    inverse = np.linalg.inv(covariance + RIDGE * np.eye(len(covariance)))
    return at_rest(inverse, images.mean(axis=0), cues)


def nearest(cues: Cues) -> Float[np.ndarray, "M N"]:
    """Returns the stored image of each cue that is nearest by known pixels."""
    images, known = np.asarray(cues.images), np.asarray(cues.known)
    squares = (np.asarray(cues.start)[:, None, :] - images[None]) ** 2
    return images[(squares * known[:, None, :]).sum(axis=2).argmin(axis=1)]


def judged(completed: Float[np.ndarray, "M N"], cues: Cues) -> Float[np.ndarray, "3"]:
    """Returns the squared error of an unknown pixel, and the share of right nearest images.

    The share is given by unknown pixels alone, then by all pixels. All are NaN if a number is not
    finite or above 1e6: the steps diverged.
    """
    if not np.all(np.abs(completed) < 1e6):
        return np.full(3, np.nan)
    unknown = ~np.asarray(cues.known)
    squares = (completed[:, None, :] - np.asarray(cues.images)[None]) ** 2
    own = squares[np.arange(len(squares)), cues.right]
    by_unknown = (squares * unknown[:, None, :]).sum(axis=2).argmin(axis=1)
    by_all = squares.sum(axis=2).argmin(axis=1)
    shares = ((chosen == cues.right).mean() for chosen in (by_unknown, by_all))
    return np.array([own[unknown].mean(), *shares])


def largest_eigenvalue(network: Recurrent) -> float:
    """Returns the largest eigenvalue of (I - W)^T (I - W)."""
    return float(np.linalg.norm(np.asarray(network.errors, np.float64), 2) ** 2)


def two_variables(correlation: float, steps: int, step: float) -> tuple[float, float]:
    """Returns what implicit and dendritic dynamics recall of two variables from the first, held.

    Args:
        correlation: Their correlation; the first is held at 1.
        steps: Number of Euler steps.
        step: Size of a step.
    """
    weights = jnp.array([[0.0, correlation], [correlation, 0.0]])
    mean: Pattern = jnp.zeros(2)
    network = Recurrent(weights, mean)
    start, known = jnp.array([[1.0, 0.0]]), jnp.array([[True, False]])
    cues = Cues(start, np.zeros(1, int), known, start)
    implicit = by_network(network.implicit(), cues, steps, step)
    return float(implicit[0, 1]), float(dendritic(network, cues, steps, step)[0, 1])
