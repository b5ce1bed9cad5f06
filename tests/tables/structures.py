"""Twelve structures of 2 to 5 layers that together use every interaction and every Lagrangian."""

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import jax.random as jr

from nam_jax._misc import symmetrise
from nam_jax.interaction import (
    Anchor,
    Attention,
    Bias,
    Bilinear,
    Convolution,
    Dense,
    Outer,
    Pairing,
    Pairwise,
    Pool,
    Prediction,
    Setwise,
    Tensor,
)
from nam_jax.lagrangian import (
    Exponential,
    LayerNorm,
    LogCosh,
    LogSumExp,
    Quadratic,
    RectifiedPower,
    Rows,
    Softplus,
    Spherical,
)
from nam_jax.memory import IsolatedTensor, PatternTensor
from nam_jax.memory import LogSumExp as LogSumExps
from nam_jax.memory import RectifiedPower as RectifiedPowers
from nam_jax.network import EnergyNetwork, Layer, LayerStates

PAIRS = (5, 5)
FIRST = jnp.outer(jnp.arange(5) < 3, jnp.arange(5) < 3)
SETS = [list(itertools.combinations(range(6), n)) for n in (2, 3)]


class Structure(NamedTuple):
    """Layers and interactions, whose numbers are drawn.

    Attributes:
        layers: The Lagrangian and the shape of each layer, by name; the first is visible.
        interactions: Makes them from a function `normal(*shape)` of random numbers.
    """

    layers: dict[str, tuple[Any, Any]]
    interactions: Callable[..., list[Any]]

    def network(self, key, scale, leaks, times):
        """The network with interactions of the size `scale`, and these leaks and time constants."""
        keys = iter(jr.split(key, 16))

        def normal(*shape):
            return scale * jr.normal(next(keys), shape)

        layers = {
            name: Layer(lagrangian, leaks[i], times[i], shape=shape, pairs=shape == PAIRS)
            for i, (name, (lagrangian, shape)) in enumerate(self.layers.items())
        }
        return EnergyNetwork(layers, self.interactions(normal), visible=next(iter(self.layers)))

    def state(self, key):
        """A state of order one, symmetric in layers of pairs."""
        names, shapes = tuple(self.layers), [shape for _, shape in self.layers.values()]
        keys = jr.split(key, len(names))
        made = [
            jr.normal(k, shape if isinstance(shape, tuple) else (shape,))
            for k, shape in zip(keys, shapes, strict=True)
        ]
        made = [symmetrise(u) if u.shape == PAIRS else u for u in made]
        return LayerStates(names, tuple(made))


def tensor(normal):
    return PatternTensor(normal(2, 5))


STRUCTURES = {
    "two layers": Structure(
        {"v": (LogCosh(1.5), 6), "h": (RectifiedPower(3), 4)},
        lambda normal: [Bilinear("v", "h", normal(4, 6))],
    ),
    "attended": Structure(
        {"v": (Quadratic(1.3), 6), "h": (LogSumExp(1.5), 4)},
        lambda normal: [
            Bilinear("v", "h", normal(4, 6)),
            Anchor("v", normal(6), mask=jnp.arange(6) < 3, strength=2.0),
        ],
    ),
    "sphere of rows": Structure(
        {"v": (Rows(Spherical(0.3)), (3, 4)), "h": (Softplus(1.2), 5)},
        lambda normal: [
            Bilinear("v", "h", normal(5, 12)),
            Dense("v", normal(3, 4), LogSumExps(2.0)),
        ],
    ),
    "chain": Structure(
        {"a": (Quadratic(), 6), "b": (LogCosh(), 5), "c": (LogSumExp(), 4)},
        lambda normal: [
            Bilinear("a", "b", normal(5, 6)),
            Bilinear("b", "c", normal(4, 5)),
            Bias("b", normal(5)),
        ],
    ),
    "images": Structure(
        {
            "image": (LogCosh(), (5, 5, 1)),
            "maps": (RectifiedPower(2), (4, 4, 2)),
            "pooled": (Spherical(0.3), (2, 2, 2)),
            "classes": (LogSumExp(2.0), 3),
        },
        lambda normal: [
            Convolution("image", "maps", normal(2, 2, 1, 2)),
            Pool("maps", "pooled", 2, strength=1.5),
            Bilinear("pooled", "classes", normal(3, 8)),
        ],
    ),
    "tokens": Structure(
        {"tokens": (Rows(LayerNorm(1.1, 0.2, epsilon=0.1)), (4, 3)), "h": (LogCosh(), 5)},
        lambda normal: [
            Attention("tokens", normal(2, 2, 3), normal(2, 2, 3)),
            Dense("tokens", normal(4, 3), RectifiedPowers(2)),
            Bilinear("tokens", "h", normal(5, 12)),
        ],
    ),
    "sets": Structure(
        {"x": (LogCosh(2.0), 6), "z": (Softplus(2.0), 4)},
        lambda normal: [
            Setwise("x", SETS, [normal(15), normal(20)]),
            Pairwise("z", normal(4, 4)),
            Bilinear("x", "z", normal(4, 6)),
        ],
    ),
    "predictions": Structure(
        {"x": (Quadratic(), 6), "y": (LogCosh(), 5), "z": (Exponential(0.5), 3)},
        lambda normal: [
            Prediction("x", "y", normal(6, 5), normal(6)),
            Prediction("y", "z", normal(5, 3), function=LogCosh()),
        ],
    ),
    "astrocyte": Structure(
        {"x": (LogCosh(1.5), 5), "s": (Softplus(), PAIRS), "p": (LogCosh(0.8), PAIRS)},
        lambda normal: [Outer("x", "s"), Pairing("s", "p"), Tensor("p", tensor(normal))],
    ),
    "two astrocytes": Structure(
        {
            "x": (LayerNorm(epsilon=0.1), 5),
            "s": (Quadratic(), PAIRS),
            "p": (LogCosh(), PAIRS),
            "q": (LogCosh(1.4), PAIRS),
        },
        lambda normal: [
            Outer("x", "s"),
            Pairing("s", "p", mask=FIRST),
            Pairing("s", "q", mask=~FIRST),
            Tensor("p", IsolatedTensor(FIRST, tensor(normal))),
            Tensor("p", tensor(normal), other="q"),
        ],
    ),
    "ring": Structure(
        {
            "a": (LogCosh(), 5),
            "b": (Softplus(3.0), 4),
            "c": (Spherical(0.2), 3),
            "d": (LogSumExp(), 4),
        },
        lambda normal: [
            Bilinear("a", "b", normal(4, 5)),
            Bilinear("b", "c", normal(3, 4)),
            Bilinear("c", "d", normal(4, 3)),
            Bilinear("d", "a", normal(5, 4)),
            Pairwise("a", normal(5, 5)),
        ],
    ),
    "synapses and a hierarchy": Structure(
        {
            "x": (LogCosh(), 5),
            "s": (LogCosh(1.2), PAIRS),
            "h": (RectifiedPower(2), 4),
            "k": (Spherical(0.3), 3),
            "top": (Exponential(0.4), 3),
        },
        lambda normal: [
            Outer("x", "s"),
            Bilinear("x", "h", normal(4, 5)),
            Bilinear("h", "k", normal(3, 4)),
            Prediction("k", "top", normal(3, 3), function=LogCosh()),
            Dense("x", normal(3, 5), strength=0.3),
        ],
    ),
}
