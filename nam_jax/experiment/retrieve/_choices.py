"""Solvers, starts and networks by their names in a config."""

from typing import Protocol, runtime_checkable

import diffrax as dfx
import equinox as eqx

from nam_jax._types import Patterns
from nam_jax.network import AbstractStart, Algebraic, Cold, Conditional, NeuronAstrocyte
from nam_jax.solve import Unrolled

SOLVERS: dict[str, dfx.AbstractSolver] = {
    "bosh3": Unrolled(dfx.Bosh3()),
    "tsit5": Unrolled(dfx.Tsit5()),
    "dopri5": Unrolled(dfx.Dopri5()),
    "heun": dfx.Heun(),
    "euler": dfx.Euler(),
}

STARTS: dict[str, type[Cold] | type[Algebraic] | type[Conditional]] = {
    "cold": Cold,
    "algebraic": Algebraic,
    "conditional": Conditional,
}


@runtime_checkable
class NetworkChoice(Protocol):
    """The fields of a config that choose a neuron-astrocyte network."""

    @property
    def dynamics(self) -> str: ...
    @property
    def margin(self) -> float: ...
    @property
    def gain(self) -> float: ...
    @property
    def start(self) -> str: ...


def build_network(config: NetworkChoice, patterns: Patterns) -> NeuronAstrocyte:
    """Returns the network that `config` describes, with `patterns`, (K, N), stored."""
    if config.dynamics == "released":
        network = NeuronAstrocyte.released(patterns)
    else:
        network = NeuronAstrocyte.certified(patterns, margin=config.margin, gain=config.gain)
    if config.start == "default":
        return network
    start: AbstractStart = STARTS[config.start](voltage=network.start.voltage)
    return eqx.tree_at(lambda net: net.start, network, start)
