"""Hand-written memories beside their compositions: the flow of many states, and a settle."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.random as jr
from jaxtyping import Array

from benchmarks._problem import patterns_and_cues
from nam_jax import solve
from nam_jax._types import Patterns
from nam_jax.experiment.common import composed_dense, composed_two_layers
from nam_jax.network import AbstractContinuousNetwork, ContinuousDenseMemory, TwoLayerMemory

SIZE, COUNT = 768, 100
"""Neurons N and patterns K."""
STATES, CUES = 128, 16
"""States whose flow is taken at once, and cues that are settled at once."""


class Turn(NamedTuple):
    """The same work by a composition and by a hand-written network.

    Attributes:
        what: Description of the work.
        composed: The work by the composition.
        written: The same by the hand-written network.
    """

    what: str
    composed: Callable[[], Any]
    written: Callable[[], Any]


def turns(name: str) -> tuple[Turn, Turn]:
    """Returns the flow of `STATES` states, and a settle from `CUES` cues.

    Args:
        name: A key of `NAMES`.
    """
    patterns, cues = patterns_and_cues(COUNT, SIZE)
    written, compose = NAMES[name](patterns)
    composed = compose(written)
    many = 0.8 * jr.normal(jr.key(2), (STATES, SIZE))
    few = cues[:CUES]
    networks: tuple[AbstractContinuousNetwork, ...] = (composed, written)
    starts = [jax.vmap(network.initial_state)(many) for network in networks]
    shape = f"N = {SIZE}, K = {COUNT}"
    return (
        Turn(
            f"{name}, flow of {STATES} states, {shape}",
            lambda: _flows(composed, starts[0]),
            lambda: _flows(written, starts[1]),
        ),
        Turn(
            f"{name}, settle from {CUES} cues, {shape}",
            lambda: _settled(composed, few),
            lambda: _settled(written, few),
        ),
    )


@eqx.filter_jit
def _flows(network: AbstractContinuousNetwork, states: Any) -> list[Array]:
    flow = jax.vmap(lambda state: network.vector_field(0.0, state))(states)
    return jax.tree.leaves(flow)


@eqx.filter_jit
def _settled(network: AbstractContinuousNetwork, cues: Patterns) -> Array:
    def one(cue: Array) -> Array:
        end = solve.settle(network, network.initial_state(cue))
        return network.readout(end.state)

    return jax.vmap(one)(cues)


def _two_layers(network: TwoLayerMemory) -> tuple[TwoLayerMemory, Any]:
    return network, composed_two_layers


NAMES: dict[str, Callable[[Patterns], Any]] = {
    "two layers, model A": lambda xi: _two_layers(TwoLayerMemory.model_a(xi / SIZE**0.5)),
    "two layers, model B": lambda xi: _two_layers(TwoLayerMemory.model_b(xi)),
    "two layers, model C": lambda xi: _two_layers(TwoLayerMemory.model_c(xi / SIZE**0.5)),
    "dense memory, n = 4": lambda xi: (ContinuousDenseMemory(xi), composed_dense),
}
"""Functions of the patterns that return a hand-written network, and its composer."""
