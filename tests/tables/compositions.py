"""Composed networks of the table of networks, and hand-written networks as compositions."""

import itertools

import jax.numpy as jnp
import jax.random as jr

from nam_jax.interaction import (
    Anchor,
    Attention,
    Bilinear,
    Convolution,
    Dense,
    Outer,
    Pairing,
    Pool,
    Prediction,
    Setwise,
    Tensor,
)
from nam_jax.lagrangian import (
    LayerNorm,
    LogCosh,
    LogSumExp,
    Quadratic,
    RectifiedPower,
    Rows,
    Softplus,
    Spherical,
)
from nam_jax.memory import (
    DiffusionTensor,
    GapJunctionTensor,
    IsolatedTensor,
    PatternTensor,
    lattice_edges,
)
from nam_jax.memory import RectifiedPower as RectifiedPowers
from nam_jax.network import EnergyNetwork, Forward, Layer

N, K = 10, 3
"""Units of the visible layer, as of all networks of the table, and stored patterns."""
HALF = jnp.arange(N) < N // 2
TERRITORY = jnp.outer(HALF, HALF)


def signs(key, d):
    return jr.rademacher(key, (K, N), d)


def tensor(key, d):
    stored = PatternTensor(signs(key, d), strength=0.5)
    return stored + DiffusionTensor(lattice_edges(N), 0.1)


def astrocyte(key, d=float):
    """Different Lagrangians, leaks and time constants in every layer."""
    return EnergyNetwork(
        {
            "x": Layer(LogCosh(1.3), 0.7, 0.6, shape=N),
            "s": Layer(Softplus(0.8), 1.3, 1.7, shape=(N, N), pairs=True),
            "p": Layer(LogCosh(0.6), 2.1, 0.3, shape=(N, N), pairs=True),
        },
        [Outer("x", "s"), Pairing("s", "p"), Tensor("p", tensor(key, d))],
        visible="x",
    )


def two_layers(key, d=float):
    return EnergyNetwork(
        {
            "v": Layer(LogCosh(), time=0.6, shape=N),
            "h": Layer(RectifiedPower(4), time=1.7, shape=K),
        },
        [Bilinear("v", "h", signs(key, d) / 3)],
        visible="v",
        start=Forward(),
    )


def hierarchy(key, d=float):
    """An image, maps of features, pooled maps and classes."""
    of_kernel, of_weights = jr.split(key)
    return EnergyNetwork(
        {
            "image": Layer(LogCosh(0.9), shape=(2, 5, 1)),
            "features": Layer(RectifiedPower(2), 1.2, 0.4, shape=(2, 4, 3)),
            "pooled": Layer(Spherical(0.3), 0.8, shape=(1, 2, 3)),
            "classes": Layer(LogSumExp(1.5), 0.9, 0.3, shape=4),
        },
        [
            Convolution("image", "features", jr.normal(of_kernel, (1, 2, 1, 3), d)),
            Pool("features", "pooled", 2, strength=1.4),
            Bilinear("pooled", "classes", jr.normal(of_weights, (4, 6), d)),
        ],
        visible="image",
        start=Forward(),
    )


def tokens(key, d=float):
    of_scores, of_patterns = jr.split(key)
    return EnergyNetwork(
        {"tokens": Layer(Rows(LayerNorm(1.2, 0.1, epsilon=0.1)), 0.8, 0.6, shape=(5, 2))},
        [
            Attention("tokens", *jr.normal(of_scores, (2, 2, 3, 2), d)),
            Dense("tokens", jr.normal(of_patterns, (K, 2), d), RectifiedPowers(2)),
        ],
        visible="tokens",
    )


def setwise(key, d=float):
    """Edges and triangles of tanh units, some of which are held near a value."""
    sets = [list(itertools.combinations(range(N), n))[::3] for n in (2, 3)]
    of_patterns, of_target = jr.split(key)
    return EnergyNetwork(
        {"x": Layer(LogCosh(1.3), 0.8, 0.6, shape=N)},
        [
            Setwise.from_patterns("x", sets, signs(of_patterns, d)),
            Anchor("x", 0.5 * jr.normal(of_target, (N,), d), mask=HALF, strength=0.7),
        ],
        visible="x",
    )


def predictive(key, d=float):
    """Two predictions; the errors alone bound the lowest layer, which has no leak."""
    below, above, bias = jr.split(key, 3)
    return EnergyNetwork(
        {
            "x": Layer(Quadratic(), 0.0, 0.6, shape=N),
            "y": Layer(LogCosh(0.9), 0.05, shape=6),
            "z": Layer(Quadratic(), 0.01, 0.7, shape=3),
        },
        [
            Prediction(
                "x", "y", jr.normal(below, (N, 6), d) / 2, jr.normal(bias, (N,), d),
                function=LogCosh(),
            ),
            Prediction("y", "z", jr.normal(above, (6, 3), d) / 2, function=LogCosh()),
        ],
        visible="x",
    )  # fmt: skip


def two_astrocytes(key, d=float):
    """Two astrocytes with territories of their own, joined by gap junctions."""
    stored = PatternTensor(signs(key, d), strength=0.5)
    between = GapJunctionTensor(stored, TERRITORY, 1.0) + -1.0 * GapJunctionTensor(
        stored, TERRITORY, 0.0
    )
    return EnergyNetwork(
        {
            "x": Layer(LogCosh(1.3), 0.7, 0.6, shape=N),
            "s": Layer(Softplus(0.8), 1.3, 1.7, shape=(N, N), pairs=True),
            "p": Layer(LogCosh(0.6), 2.1, 0.3, shape=(N, N), pairs=True),
            "q": Layer(LogCosh(0.6), 1.9, 0.4, shape=(N, N), pairs=True),
        },
        [
            Outer("x", "s"),
            Pairing("s", "p", mask=TERRITORY),
            Pairing("s", "q", mask=~TERRITORY),
            Tensor("p", IsolatedTensor(TERRITORY, stored)),
            Tensor("q", IsolatedTensor(~TERRITORY, stored)),
            Tensor("p", 0.3 * between, other="q"),
        ],
        visible="x",
    )


COMPOSITIONS = {
    "astrocyte": astrocyte,
    "two-layer": two_layers,
    "hierarchy": hierarchy,
    "tokens": tokens,
    "setwise": setwise,
    "predictive": predictive,
    "astrocytes": two_astrocytes,
}
