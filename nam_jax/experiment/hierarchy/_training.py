"""Training of a composed network on completing images, and the test of completions."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Bool, Float

from nam_jax import solve, train
from nam_jax._types import Key, Pattern, Patterns
from nam_jax.experiment.hierarchy._networks import AnchoredRoute, anchored
from nam_jax.network import EnergyNetwork
from nam_jax.solve import RESULTS


def how(tolerance: float) -> solve.Flow:
    """Returns how networks are brought to rest, in training and tests.

    Args:
        tolerance: Relative and absolute tolerance of a step.
    """
    return solve.Flow(rest=2e-3, rtol=tolerance, atol=tolerance, max_steps=400)


def damaged(rows: Patterns, mean: Pattern, count: int, *, key: Key) -> train.Sample:
    """Returns samples in which `count` random pixels of each image are unknown and asked for.

    Args:
        rows: Images, (M, N).
        mean: The mean image, (N,), from which unknown pixels start.
        count: Number of unknown pixels of an image.
        key: Random key.
    """
    keys = jr.split(key, len(rows))
    order = jax.vmap(lambda key: jr.permutation(key, rows.shape[1]))(keys)
    return masked(rows, mean, order < count)


def masked(rows: Patterns, mean: Pattern, unknown: Bool[Array, "M N"]) -> train.Sample:
    """Returns samples whose unknown pixels start from the mean image and are asked for."""
    return train.Sample(jnp.where(unknown, mean[None, :], rows), rows, asked=unknown)


def trained(
    network: EnergyNetwork, images: Patterns, config: Any, optimizer: Any, *, key: Key
) -> train.Fit:
    """Trains all interactions but the anchor on random masks of the stored images.

    Samples whose recall did not come to rest have no gradient; they are left out of the mean.

    Args:
        network: The network.
        images: The stored images, (K, N).
        config: The settings.
        optimizer: The optimizer; one object for all networks, so that programs are shared.
        key: Random key of batches and masks.
    """
    count = num_unknown(config.hidden, images.shape[1])
    make = jax.tree_util.Partial(damaged, mean=images.mean(axis=0), count=count)
    return train.fit(
        network,
        train.Minibatches(images, make, min(config.batch_size, len(images))),
        key=key,
        optimizer=optimizer,
        num_steps=config.steps,
        gradient=AnchoredRoute(train.ImplicitRoute(how=how(config.tolerance))),
        trainable=_all_but_the_anchor,
    )


def num_unknown(share: float, size: int) -> int:
    """Returns the number of unknown pixels, at least 1 and not all."""
    return min(max(round(share * size), 1), size - 1)


def _all_but_the_anchor(network: EnergyNetwork) -> list[Any]:
    return list(network.interactions[1:])


@eqx.filter_jit
def completed(
    network: EnergyNetwork, samples: train.Sample, flow: solve.Flow
) -> tuple[Float[Array, "M N"], Bool[Array, " M"]]:
    """Returns the images after recall, and whether the network came to rest."""

    def one(sample: train.Sample) -> tuple[Pattern, Bool[Array, ""]]:
        held = anchored(network, sample)
        rested = solve.settle(held, held.initial_state(sample.cue), how=flow)
        return held.readout(rested.state), rested.result == RESULTS.converged

    return jax.vmap(one)(samples)


class Score(NamedTuple):
    """How well images are completed; means over cues.

    Attributes:
        error: Squared error of a pixel that was unknown.
        recall: Share of cues whose completion is nearest to the right stored image, by the pixels
            that were unknown.
        whole: The same by all pixels.
    """

    error: float
    recall: float
    whole: float


def score(
    completions: Float[np.ndarray, "M N"],
    images: Float[np.ndarray, "K N"],
    right: Any,
    unknown: Bool[np.ndarray, "M N"],
) -> Score:
    """Judges completions of stored images.

    Args:
        completions: (M, N); known pixels are taken as they come.
        images: The stored images.
        right: (M,), the number of the right image of each cue.
        unknown: Whether each pixel was unknown.
    """
    squares = (completions[:, None, :] - images[None]) ** 2
    own = squares[np.arange(len(right)), right]
    by_unknown = (squares * unknown[:, None, :]).sum(axis=2).argmin(axis=1)
    by_all = squares.sum(axis=2).argmin(axis=1)
    return Score(
        float(own[unknown].mean()),
        float((by_unknown == right).mean()),
        float((by_all == right).mean()),
    )


def conditional_mean(
    images: Float[np.ndarray, "K N"],
    cues: Float[np.ndarray, "M N"],
    unknown: Bool[np.ndarray, "M N"],
    ridge: float,
) -> Float[np.ndarray, "M N"]:
    """Returns cues completed by the conditional mean of a Gaussian fitted to the images.

    The unknown pixels are mu_u + S_uk (S_kk + ridge)^-1 (x_k - mu_k), for the mean mu and the
    covariance S of the images.

    Args:
        images: The stored images.
        cues: Images whose known pixels are right.
        unknown: Whether each pixel is unknown.
        ridge: Number that is added to the diagonal of S.
    """
    images, cues = np.asarray(images, np.float64), np.asarray(cues, np.float64)
    mean = images.mean(axis=0)
    covariance = np.cov(images, rowvar=False, bias=True) + ridge * np.eye(images.shape[1])
    completions = cues.copy()
    for row, gone in zip(completions, unknown, strict=True):
        given = covariance[np.ix_(~gone, ~gone)]
        weights = np.linalg.solve(given, row[~gone] - mean[~gone])
        row[gone] = mean[gone] + covariance[np.ix_(gone, ~gone)] @ weights
    return completions
