"""The networks of the study `hierarchy`, composed of layers and interactions.

The linear layer v holds the pixels of an image in [-1, 1]. The first interaction of each network is
an anchor, which holds the known pixels of a cue; `anchored` sets it.
"""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float

from nam_jax._types import Key, Patterns
from nam_jax.interaction import Anchor, Bias, Bilinear, Convolution
from nam_jax.lagrangian import LogCosh, LogSumExp, Quadratic
from nam_jax.network import EnergyNetwork, Layer
from nam_jax.train import AbstractRoute, Sample

SIDE = 8
"""Side of a digit, in pixels."""
HIDDEN_TIME = 0.3
"""Time constant of hidden layers; that of pixels is 1."""


def chain(sizes: Sequence[int], strength: float, *, key: Key) -> EnergyNetwork:
    """Returns a network of pixels and tanh layers, each joined with the next by weights.

    Args:
        sizes: Units of each hidden layer, from the pixels upwards.
        strength: kappa of the anchor.
        key: Random key of the weights.
    """
    names = ["v", *(f"h{place}" for place in range(1, len(sizes) + 1))]
    layers = {"v": Layer(Quadratic(), shape=SIDE**2)}
    layers |= {
        name: Layer(LogCosh(), time=HIDDEN_TIME, shape=size)
        for name, size in zip(names[1:], sizes, strict=True)
    }
    shapes = [SIDE**2, *sizes]
    keys = jr.split(key, len(sizes))
    weights = [
        Bilinear(
            names[i], names[i + 1], _random((shapes[i + 1], shapes[i]), shapes[i], key=keys[i])
        )
        for i in range(len(sizes))
    ]
    return EnergyNetwork(layers, [_anchor((SIDE**2,), strength), *_biases(layers), *weights], "v")


def convolutional(maps: int, top: int, strength: float, *, key: Key) -> EnergyNetwork:
    """Returns a network of pixels, tanh maps of features, and a tanh layer joined with all maps.

    Kernels have 4 x 4 pixels and move by two pixels, so that a map has 3 x 3 units.

    Args:
        maps: Number of maps.
        top: Units of the top layer.
        strength: kappa of the anchor.
        key: Random key of the weights.
    """
    of_kernel, of_weights = jr.split(key)
    features = (3, 3, maps)
    layers = {
        "v": Layer(Quadratic(), shape=(SIDE, SIDE, 1)),
        "maps": Layer(LogCosh(), time=HIDDEN_TIME, shape=features),
        "top": Layer(LogCosh(), time=HIDDEN_TIME, shape=top),
    }
    interactions = [
        _anchor((SIDE, SIDE, 1), strength),
        *_biases(layers),
        Convolution("v", "maps", _random((4, 4, 1, maps), 16, key=of_kernel), stride=2),
        Bilinear("maps", "top", _random((top, 9 * maps), 9 * maps, key=of_weights)),
    ]
    return EnergyNetwork(layers, interactions, "v")


def softmax(images: Patterns, strength: float) -> EnergyNetwork:
    """Returns a network with a softmax unit for each stored image; it needs no training.

    With the biases -|xi|^2 / 2 a unit is the more active, the nearer the image v is to xi.

    Args:
        images: xi, (K, N).
        strength: kappa of the anchor.
    """
    layers = {
        "v": Layer(Quadratic(), shape=images.shape[1]),
        "h": Layer(LogSumExp(), time=HIDDEN_TIME, shape=len(images)),
    }
    interactions = [
        _anchor(images.shape[1:], strength),
        Bias("h", -jnp.sum(images**2, axis=1) / 2),
        Bilinear("v", "h", images),
    ]
    return EnergyNetwork(layers, interactions, "v")


def num_weights(network: EnergyNetwork) -> int:
    """Returns the number of weights of a network, without biases."""
    weights = [
        term.kernel if isinstance(term, Convolution) else term.weights
        for term in network.interactions
        if isinstance(term, Convolution | Bilinear)
    ]
    return sum(int(array.size) for array in weights)


def anchored(network: EnergyNetwork, sample: Sample) -> EnergyNetwork:
    """Returns the network with the pixels that a sample does not ask for held near its cue."""
    assert sample.asked is not None
    shape = network.by_name["v"].units
    return eqx.tree_at(
        lambda net: (net.interactions[0].target, net.interactions[0].mask),
        network,
        (sample.cue.reshape(shape), ~sample.asked.reshape(shape)),
    )


class AnchoredRoute(AbstractRoute):
    """Another route, through the network whose anchor holds the pixels that are not asked for.

    Attributes:
        route: The other route.
    """

    route: AbstractRoute

    def value_and_grad(self, cost: Any, network: Any, sample: Sample) -> Any:
        """See [`nam_jax.train.AbstractRoute`][]."""
        held = anchored(network, sample)
        return self.route.value_and_grad(cost, held, sample)


def _anchor(shape: tuple[int, ...], strength: float) -> Anchor:
    return Anchor("v", jnp.zeros(shape), mask=jnp.zeros(shape, bool), strength=strength)


def _biases(layers: dict[str, Layer]) -> list[Bias]:
    return [Bias(name, jnp.zeros(layer.units)) for name, layer in layers.items()]


def _random(shape: tuple[int, ...], fan: int, *, key: Key) -> Float[Array, "..."]:
    """Returns normal weights of variance 1 / (4 fan), for units with `fan` inputs from below."""
    return jr.normal(key, shape) / (2 * fan**0.5)
