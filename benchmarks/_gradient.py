"""The gradients that the benchmark times: gradients of one recall, by every route."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import optax

from benchmarks._problem import patterns_and_cues
from nam_jax import settle
from nam_jax._types import Patterns
from nam_jax.network import AbstractNetwork, NeuronAstrocyte
from nam_jax.solve import Equilibrium
from nam_jax.train import (
    AbstractRoute,
    Minibatches,
    Sample,
    SquaredError,
    denoising_samples,
    fit,
)

LOSS = SquaredError()
STEPS = 2
"""Training steps in one timed call of `fit`; one compiled scan runs them all."""


class Case(NamedTuple):
    """Arguments of a certified network.

    Attributes:
        name: Short description.
        margin: Margin of the certificate.
        gain: Neural leak in units of beta M0 N.
    """

    name: str
    margin: float
    gain: float


SATURATED = Case("saturated (the preset)", 0.1, 0.9)
GRADED = Case("graded", 1.0, 0.5)
"""Neurons come to rest near 0.95 and are not saturated, so that the adjoint equation matters."""


def problem(num_neurons: int, num_patterns: int, case: Case) -> tuple[NeuronAstrocyte, Sample]:
    """Returns a network with random patterns, and a cue with 10 % of its signs flipped."""
    patterns, cues = patterns_and_cues(num_patterns, num_neurons)
    network = NeuronAstrocyte.certified(patterns, margin=case.margin, gain=case.gain)
    return network, Sample(cues[0], patterns[0])


@eqx.filter_jit
def forward(network: AbstractNetwork, sample: Sample) -> Equilibrium:
    """Returns the equilibrium that `settle` reaches from the cue."""
    return settle(network, network.initial_state(sample.cue))


@eqx.filter_jit
def gradient(route: AbstractRoute, network: AbstractNetwork, sample: Sample) -> Any:
    """Returns the loss and its gradient by every floating-point array of the network."""
    return route.value_and_grad(LOSS, network, sample)


@eqx.filter_jit
def by_grad(network: AbstractNetwork, sample: Sample) -> Any:
    """Returns loss and gradient by differentiating `settle`, as most users would write it."""

    @eqx.filter_value_and_grad
    def loss(network: AbstractNetwork) -> jax.Array:
        rested = settle(network, network.initial_state(sample.cue))
        return LOSS(network.readout(rested.state), sample)

    return loss(network)


def temporary_bytes(function: Any, *arguments: Any, **options: Any) -> int:
    """Returns the memory that the compiled `function` takes besides arguments and results."""
    compiled = function.lower(*arguments, **options).compile().compiled
    return int(compiled.memory_analysis().temp_size_in_bytes)


def training(network: AbstractNetwork, patterns: Patterns, route: AbstractRoute) -> Callable:
    """Returns a function without arguments that runs `STEPS` steps of `fit`.

    Batches hold two damaged patterns.
    """
    make = jax.tree_util.Partial(denoising_samples, fraction=0.1)
    batches, optimizer = Minibatches(patterns, make, 2), optax.adam(1e-4)

    def run() -> Any:
        return fit(
            network, batches, loss=LOSS, optimizer=optimizer, num_steps=STEPS, gradient=route,
            chunk=STEPS, key=jax.random.key(2),
        ).metrics  # fmt: skip

    return run
