"""Hand-written networks as compositions of layers and interactions."""

import equinox as eqx
import jax.numpy as jnp

from nam_jax.interaction import Bilinear, Dense, Outer, Pairing, Tensor
from nam_jax.memory import GapJunctionTensor, IsolatedTensor
from nam_jax.network import (
    ContinuousDenseMemory,
    EnergyNetwork,
    Forward,
    Layer,
    NeuronAstrocyte,
    TwoLayerMemory,
)


def composed_astrocyte(net: NeuronAstrocyte) -> EnergyNetwork:
    """Returns neurons x, synapses s and processes p: the composition of `net`."""
    interactions = [Outer("x", "s"), Pairing("s", "p"), Tensor("p", net.tensor)]
    return EnergyNetwork(_tripartite(net), interactions, visible="x", unbounded=True)


def composed_gap_junctions(net: NeuronAstrocyte) -> EnergyNetwork:
    """Returns the composition of a network with a `GapJunctionTensor`: two astrocytes p and q.

    The processes of an astrocyte outside its territory are 0. T_1 - T_0, the tensors of the
    coupling 1 and 0, are the fluxes between the astrocytes.

    Args:
        net: Its tensor is a `GapJunctionTensor`.
    """
    joined = net.tensor
    assert isinstance(joined, GapJunctionTensor)
    first = joined.territory
    whole, apart = (eqx.tree_at(lambda t: t.coupling, joined, jnp.asarray(g)) for g in (1.0, 0.0))
    between = joined.coupling * (whole + -1.0 * apart)
    layers = _tripartite(net)
    interactions = [
        Outer("x", "s"),
        Pairing("s", "p", mask=first),
        Pairing("s", "q", mask=~first),
        Tensor("p", IsolatedTensor(first, joined.tensor)),
        Tensor("q", IsolatedTensor(~first, joined.tensor)),
        Tensor("p", between, other="q"),
    ]
    layers = {**layers, "q": layers["p"]}
    return EnergyNetwork(layers, interactions, visible="x", unbounded=True)


def composed_two_layers(net: TwoLayerMemory) -> EnergyNetwork:
    """Returns features v and hidden neurons h, which start as those of `net`."""
    v, h = net.layers()
    k, n = net.patterns.shape
    return EnergyNetwork(
        {"v": _shaped(v, (n,)), "h": _shaped(h, (k,))},
        [Bilinear("v", "h", net.patterns)],
        visible="v",
        start=Forward(net.voltage),
        unbounded=True,
    )


def composed_dense(net: ContinuousDenseMemory) -> EnergyNetwork:
    """Returns neurons x with F of their overlaps: the composition of `net`."""
    (x,) = net.layers()
    term = Dense("x", net.patterns, net.separation, strength=net.strength)
    layers = {"x": _shaped(x, (net.num_neurons,))}
    return EnergyNetwork(layers, [term], visible="x", unbounded=True)


def _tripartite(net: NeuronAstrocyte) -> dict[str, Layer]:
    n = net.tensor.num_neurons
    shapes = {"x": (n,), "s": (n, n), "p": (n, n)}
    pairs = zip(shapes.items(), net.layers(), strict=True)
    return {name: _shaped(layer, shape) for (name, shape), layer in pairs}


def _shaped(layer: Layer, shape: tuple[int, ...]) -> Layer:
    """A layer of a hand-written network, which knows no shape."""
    return Layer(layer.lagrangian, layer.leak, layer.time, shape=shape, pairs=layer.pairs)
