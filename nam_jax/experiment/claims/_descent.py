"""Claims about the energy of composed networks: where it falls, and where states come to rest."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float

from nam_jax import measure, solve
from nam_jax._misc import argument_error
from nam_jax._types import Key, Scalar
from nam_jax.experiment.claims._finding import Finding, of_rate
from nam_jax.experiment.claims._registry import claim
from nam_jax.experiment.claims._sources import HAMUX, HIERARCHY, OURS
from nam_jax.experiment.claims._tokens import random_tokens
from nam_jax.interaction import Bilinear, Convolution, Pool, Setwise
from nam_jax.lagrangian import (
    AbstractLagrangian,
    LogCosh,
    LogSumExp,
    Quadratic,
    RectifiedPower,
    Spherical,
)
from nam_jax.network import EnergyNetwork, Layer, LayerStates


def _chain(key: Key) -> EnergyNetwork:
    """Returns 16 linear, 10 tanh and 6 softmax units, joined by random weights."""
    below, above = jr.split(key)
    layers = {
        "a": Layer(Quadratic(), shape=16),
        "b": Layer(LogCosh(), shape=10, time=0.3),
        "c": Layer(LogSumExp(), 0.8, shape=6, time=2.0),
    }
    weights = jr.normal(below, (10, 16)) / 4, jr.normal(above, (6, 10)) / 3
    joins = [Bilinear("a", "b", weights[0]), Bilinear("b", "c", weights[1])]
    return EnergyNetwork(layers, joins, "a", unbounded=True)


def _images(key: Key) -> EnergyNetwork:
    """An image, maps of features, pooled maps and classes."""
    of_kernel, of_weights = jr.split(key)
    layers = {
        "image": Layer(LogCosh(), shape=(8, 8, 1)),
        "maps": Layer(RectifiedPower(2), shape=(6, 6, 3), time=0.5),
        "pooled": Layer(Spherical(), shape=(3, 3, 3)),
        "classes": Layer(LogSumExp(), shape=5),
    }
    joins = [
        Convolution("image", "maps", jr.normal(of_kernel, (3, 3, 1, 3)) / 3),
        Pool("maps", "pooled", 2),
        Bilinear("pooled", "classes", jr.normal(of_weights, (5, 27)) / 5),
    ]
    return EnergyNetwork(layers, joins, "image", unbounded=True)


def _random_states(network: EnergyNetwork, key: Key, size: float = 1.0) -> LayerStates:
    """Returns normal states of all layers."""
    keys = jr.split(key, len(network.names))
    parts = zip(keys, network.parts, strict=True)
    return LayerStates(
        network.names,
        tuple(size * jr.normal(k, layer.units, network.dtype) for k, layer in parts),
    )


@eqx.filter_jit
def _rates(network: EnergyNetwork, keys: Array, size: float = 1.0) -> tuple[Array, Array]:
    """dE/dt at a random state for each key: by the formula, and along the flow."""

    def one(key: Key) -> tuple[Scalar, Scalar]:
        state = _random_states(network, key, size)
        flow = network.vector_field(0.0, state)
        return network.energy_rate(state), jax.jvp(network.energy, (state,), (flow,))[1]

    return jax.vmap(one)(keys)


@claim(
    "composed-energy-law",
    "The energy of any layers and interactions falls at the rate -sum of time u'.H u'",
    f"{HIERARCHY}, stated for dense layers",
)
def composed_energy_law(fast: bool) -> Finding:
    """dE/dt by the formula against the slope of E along the flow, random states, float64.

    Three layers (linear 16, tanh 10, softmax 6), four layers (tanh image, relu maps by convolution,
    pooled to a sphere, softmax), and tokens with attention and a memory.
    """
    keys = jr.split(jr.key(3), 20 if fast else 200)
    gaps, falls = {}, {}
    with jax.enable_x64(True):
        cases = {
            "three layers": _chain(jr.key(0)),
            "four layers": _images(jr.key(1)),
            "tokens": random_tokens(0.0),
        }
        for name, network in cases.items():
            formula, along = map(np.asarray, _rates(network, keys))
            gaps[name] = float(np.max(np.abs(formula / along - 1)))
            falls[name] = bool((along < 0).all())
    worst = max(gaps.values())
    meaning = f"largest relative difference of the rates, {len(keys)} states of each network"
    fine = {name: gaps[name] < 1e-12 and falls[name] for name in cases}
    return Finding(worst, worst, worst, meaning, fine)


class _Wavy(AbstractLagrangian):
    """L = sum of u^2 / 2 + 0.2 cos 3u, which is not convex: slopes from -0.8 to 2.8."""

    additive: ClassVar[bool] = True

    def __call__(self, u: Float[Array, "..."]) -> Scalar:
        return jnp.sum(u**2 / 2 + 0.2 * jnp.cos(3 * u))

    def activation(self, u: Float[Array, "..."]) -> Float[Array, "..."]:
        return u - 0.6 * jnp.sin(3 * u)

    def energy(self, u: Float[Array, "..."]) -> Scalar:
        return jnp.sum(u**2 / 2 - 0.6 * u * jnp.sin(3 * u) - 0.2 * jnp.cos(3 * u))

    def inverse(self, y: Float[Array, "..."]) -> Float[Array, "..."]:
        raise argument_error("y", "come from a convex Lagrangian", "several states")

    @property
    def slope_bound(self) -> Scalar:
        return jnp.asarray(2.8)

    @property
    def growth(self) -> float:
        return 2.0


@claim(
    "composed-convex",
    "The energy of a composed network never rises, whatever its Lagrangians are",
    f"{OURS}; docs/how_to/compose.md asks for convex Lagrangians",
)
def composed_convex(fast: bool) -> Finding:
    """dE/dt at random states of 4 linear or wavy units (L' = u - 0.6 sin 3u) and 3 of tanh."""
    keys, weights = jr.split(jr.key(4), 1000 if fast else 10000), jr.normal(jr.key(5), (3, 4)) / 2
    rises = {}
    for name, lagrangian in {"linear": Quadratic(), "L' = u - 0.6 sin 3u": _Wavy()}.items():
        layers = {"v": Layer(lagrangian, shape=4), "h": Layer(LogCosh(), shape=3)}
        network = EnergyNetwork(layers, [Bilinear("v", "h", weights)], "v", unbounded=True)
        rises[name] = measure.rate((np.asarray(_rates(network, keys)[1]) > 0).tolist())
    wavy = rises["L' = u - 0.6 sin 3u"]
    meaning = f"share of {len(keys)} states where E rises with L' = u - 0.6 sin 3u; linear: "
    meaning += f"{rises['linear'].value:g}"
    return Finding(*of_rate(wavy), meaning, {name: r.value == 0 for name, r in rises.items()})


@claim(
    "hamux-equations",
    "The printed equations of motion go down the energy",
    f"{HAMUX}: tau dx/dt = dE/dg, its discrete form, and the two snippets of code",
)
def hamux_equations(fast: bool) -> Finding:
    """Slope of E along each printed motion, random states of 16 linear, 10 tanh, 6 softmax units.

    The snippets subtract the size of a step from the state, and do not use the slope of E.
    """
    keys = jr.split(jr.key(6), 100 if fast else 1000)
    network = _chain(jr.key(0))

    @jax.jit
    def slopes(keys: Array) -> tuple[Array, Array, Array]:
        def one(key: Key) -> tuple[Scalar, Scalar, Scalar]:
            state = _random_states(network, key)
            flow = network.vector_field(0.0, state)
            ways = flow, jax.tree.map(jnp.negative, flow), jax.tree.map(_minus_one, state)
            down, up, steps = (jax.jvp(network.energy, (state,), (way,))[1] for way in ways)
            return down, up, steps

        return jax.vmap(one)(keys)

    names = ("discrete equation", "continuous equation", "snippets of code")
    shares = [measure.rate((np.asarray(row) < 0).tolist()) for row in slopes(keys)]
    falls = dict(zip(names, shares, strict=True))
    up = falls["continuous equation"].value
    meaning = f"share of states where the snippets lower E; continuous equation {up:g}"
    fine = {name: share.value == 1 for name, share in falls.items()}
    return Finding(*of_rate(falls["snippets of code"]), meaning, fine)


def _minus_one(u: Array) -> Array:
    return jnp.full_like(u, -1)


@claim(
    "composed-converges",
    "Every composition of layers converges to a fixed point",
    f"{HAMUX}, 'every architecture'",
)
def composed_converges(fast: bool) -> Finding:
    """Growth of random states of two layers, joined by W, in time 600, and mu at 0.

    Two tanh layers with |W| = 1.02, two linear layers with |W| = 0.98 and 1.02, leaks of 1. Energy
    of linear units in sets of three, far from 0.
    """
    del fast
    weights = jr.normal(jr.key(7), (10, 16))
    weights /= jnp.linalg.norm(weights, 2)
    grown, mu = {}, {}
    for name, lagrangian, size in (
        ("tanh layers", LogCosh(), 1.02),
        ("linear layers, |W| = 0.98", Quadratic(), 0.98),
        ("linear layers, |W| = 1.02", Quadratic(), 1.02),
    ):
        layers = {"v": Layer(lagrangian, shape=16), "h": Layer(lagrangian, shape=10)}
        network = EnergyNetwork(layers, [Bilinear("v", "h", size * weights)], "v", unbounded=True)
        start = _random_states(network, jr.key(8))
        end = solve.simulate(network, start, 600.0, times=2, save={}).state
        grown[name] = float(jnp.linalg.norm(end["v"]) / jnp.linalg.norm(start["v"]))
        mu[name] = measure.stability(network, network.initial_state(jnp.zeros(16)))
    fine = {name: growth < 1 for name, growth in grown.items()}
    triples = Setwise("v", [[[0, 1, 2]]], [[1.0]])
    network = EnergyNetwork({"v": Layer(Quadratic(), shape=3)}, [triples], "v", unbounded=True)
    far = [float(network.energy(network.states(v=jnp.full(3, size)))) for size in (10.0, 100.0)]
    fine["linear units in sets of three"] = far[1] > far[0]
    below, above = (mu[f"linear layers, |W| = {size}"] for size in ("0.98", "1.02"))
    growth = grown["linear layers, |W| = 1.02"]
    meaning = (
        f"growth of linear layers, |W| = 1.02 (mu {above:.2f}; {below:.2f} at 0.98); energy of "
        f"three linear units at 10 and 100: {far[0]:.0f}, {far[1]:.0f}"
    )
    return Finding(growth, growth, growth, meaning, fine)
