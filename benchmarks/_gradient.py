"""The gradients that the benchmark times: of one recall, on the same network, by every route."""

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
"""Training steps of one timed call of `fit`, all of them in one compiled scan."""


class Case(NamedTuple):
    """Arguments of a certified network.

    Attributes:
        name: What sets it apart.
        margin: Of the certificate.
        gain: Neural leak in units of beta M0 N.
    """

    name: str
    margin: float
    gain: float


SATURATED = Case("saturated (the preset)", 0.1, 0.9)
GRADED = Case("graded", 1.0, 0.5)
"""Neurons at rest near 0.95, where the adjoint equation has something to solve."""


def problem(num_neurons: int, num_patterns: int, case: Case) -> tuple[NeuronAstrocyte, Sample]:
    """The three layers with random patterns, and one cue with 10 % of its signs flipped."""
    patterns, cues = patterns_and_cues(num_patterns, num_neurons)
    network = NeuronAstrocyte.certified(patterns, margin=case.margin, gain=case.gain)
    return network, Sample(cues[0], patterns[0])


@eqx.filter_jit
def forward(network: AbstractNetwork, sample: Sample, **options: Any) -> Equilibrium:
    """From the cue to rest, as `settle` does it by default."""
    return settle(network, network.initial_state(sample.cue), **options)


@eqx.filter_jit
def gradient(route: AbstractRoute, network: AbstractNetwork, sample: Sample) -> Any:
    """Value and gradient by every floating-point array of the network."""
    return route.value_and_grad(LOSS, network, sample)


@eqx.filter_jit
def by_grad(network: AbstractNetwork, sample: Sample) -> Any:
    """The same by `jax.grad` of `settle`, which is what most users write."""

    @eqx.filter_value_and_grad
    def loss(network: AbstractNetwork) -> jax.Array:
        found = settle(network, network.initial_state(sample.cue))
        return LOSS(network.readout(found.state), sample)

    return loss(network)


def temporary_bytes(function: Any, *arguments: Any, **options: Any) -> int:
    """Memory that the compiled `function` takes besides its arguments and results."""
    compiled = function.lower(*arguments, **options).compile().compiled
    return int(compiled.memory_analysis().temp_size_in_bytes)


def training(network: AbstractNetwork, patterns: Patterns, route: AbstractRoute) -> Callable:
    """`STEPS` steps of `fit` on batches of two damaged patterns, as a function of nothing."""
    make = jax.tree_util.Partial(denoising_samples, fraction=0.1)
    batches, optimizer = Minibatches(patterns, make, 2), optax.adam(1e-4)

    def run() -> Any:
        return fit(
            network, batches, loss=LOSS, optimizer=optimizer, num_steps=STEPS, gradient=route,
            chunk=STEPS, key=jax.random.key(2),
        ).metrics  # fmt: skip

    return run
