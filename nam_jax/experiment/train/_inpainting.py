"""Inpainting of held-out images by a network that is trained to complete images, and by others."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from nam_jax import measure, solve, train
from nam_jax._types import Key
from nam_jax.experiment.common import cosine_adam, gradient_routes, with_gain
from nam_jax.experiment.train._settings import HOW, RULES
from nam_jax.network import Clamped, EffectiveNeuronAstrocyte

GAINS = (0.9, 1.0, 2.0, 4.0)
"""Gains of untrained networks; the gain with the least error on training images is taken."""

START_GAIN, START_MARGIN = 2.0, 1.0
"""Gain and margin at the start of training: memories are weak and the leak is strong, so that
read-outs are graded."""

RIDGE = 30.0
"""Penalty of the linear regression."""


class Inpainting(NamedTuple):
    """Held-out images completed by several methods.

    Attributes:
        readouts: Completed images, (M, N), by method; visible pixels are those of the image.
        fit: The result of training.
        margin: Margin of the trained network's certificate.
    """

    readouts: dict[str, Float[np.ndarray, "M N"]]
    fit: train.Fit
    margin: float


def inpaint(
    training: Float[Array, "K N"],
    held_out: Float[Array, "M N"],
    occluded: Bool[Array, " N"],
    config: Any,
    *,
    key: Key,
    checkpoint: train.Checkpoint | None,
) -> Inpainting:
    """Trains a network to complete images, and completes held-out images by all methods.

    Args:
        training: Images whose completion is trained; networks store the first `config.num_stored`.
        held_out: Images to complete, which training does not see.
        occluded: Whether each pixel is hidden.
        config: The settings.
        key: Random key of training.
        checkpoint: Where the state of training is kept; None: nowhere.
    """
    stored = training[: config.num_stored]
    fit = _fit(training, stored, occluded, config, key=key, checkpoint=checkpoint)
    network = train.resolve(fit.network)
    readouts: dict[str, Any] = {"mean image": jnp.broadcast_to(training.mean(0), held_out.shape)}
    readouts["nearest stored"] = stored[
        jnp.argmax(jnp.where(occluded[None, :], 0, held_out) @ stored.T, axis=1)
    ]
    readouts["linear regression"] = regression(training, held_out, occluded)
    for name, rule in RULES.items():
        start = train.certified_reduction(stored, rule, margin=config.margin, gain=1.0)
        networks = [with_gain(start, gain) for gain in GAINS]
        few = training[: len(held_out)]
        errors = [float(jnp.mean((complete(net, few, occluded) - few) ** 2)) for net in networks]
        readouts[name] = complete(networks[int(np.argmin(errors))], held_out, occluded)
    readouts["trained"] = complete(network, held_out, occluded)
    readouts = {name: np.where(occluded, rows, held_out) for name, rows in readouts.items()}
    return Inpainting(readouts, fit, float(network.to_full().margin()))


@eqx.filter_jit
def complete(
    network: EffectiveNeuronAstrocyte, images: Float[Array, "M N"], occluded: Bool[Array, " N"]
) -> Float[Array, "M N"]:
    """Returns read-outs at rest, (M, N), while visible neurons are held at their pixels."""

    def one(image: Float[Array, " N"]) -> Float[Array, " N"]:
        cue = jnp.where(occluded, 0, image)
        return solve.retrieve(
            Clamped.at_cue(network, ~occluded, cue), cue, how=measure.COARSE
        ).pattern

    return jax.vmap(one)(images)


def regression(
    training: Float[Array, "K N"], held_out: Float[Array, "M N"], occluded: Bool[Array, " N"]
) -> Float[Array, "M N"]:
    """Returns held-out images completed by ridge regression on visible pixels and a constant."""

    def inputs(images: Float[Array, "k N"]) -> Float[Array, "k n"]:
        ones = jnp.ones((len(images), 1), images.dtype)
        return jnp.concatenate([images[:, ~np.asarray(occluded)], ones], axis=1)

    seen = inputs(training)
    normal = seen.T @ seen + RIDGE * jnp.eye(seen.shape[1], dtype=seen.dtype)
    return inputs(held_out) @ jnp.linalg.solve(normal, seen.T @ training)


def _fit(
    training: Float[Array, "K N"],
    stored: Float[Array, "S N"],
    occluded: Bool[Array, " N"],
    config: Any,
    *,
    key: Key,
    checkpoint: train.Checkpoint | None,
) -> train.Fit:
    """Trains couplings, patterns and leak on completing training images, visible pixels held."""
    rule = RULES[config.start]
    start = train.certified_reduction(stored, rule, margin=START_MARGIN, gain=START_GAIN)
    route = train.ClampedRoute(gradient_routes(HOW)[config.gradient], ~occluded)
    return train.fit(
        train.parametrise(start),
        train.Minibatches(
            training,
            jax.tree_util.Partial(train.completion_samples, visible=~occluded),
            min(config.batch_size, len(training)),
        ),
        loss=train.SquaredError(occluded),
        optimizer=cosine_adam(config.learning_rate, config.inpainting_steps),
        num_steps=config.inpainting_steps,
        key=key,
        gradient=route,
        trainable=lambda net: [net.excess.couplings.root, net.excess.patterns, net.leak.log],
        project=jax.tree_util.Partial(train.keep_margin, margin=config.margin),
        checkpoint=checkpoint,
    )
