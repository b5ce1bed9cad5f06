"""The memories that names make: how each stores patterns, about how many, and at what cost.

Dense memories are in `_dense_memories.py`.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

from nam_jax import measure, memory, solve, theory
from nam_jax._types import Key, Patterns
from nam_jax.memory import (
    AbstractLearningRule,
    AbstractProcessTensor,
    AbstractSeparation,
    AbstractSimilarity,
    Cosine,
    Covariance,
    Decay,
    ExpandedHebbian,
    Max,
    PseudoInverse,
    Storkey,
)
from nam_jax.network import (
    AbstractNetwork,
    ContinuousDenseMemory,
    CorrelationMatrix,
    EffectiveNeuronAstrocyte,
    Hopfield,
    Minerva2,
    ModernHopfield,
    NeuronAstrocyte,
    TwoLayerMemory,
    UniversalHopfield,
)

UPDATES: dict[str, Callable[..., solve.Retrieval]] = {
    "one-by-one": measure.one_by_one,
    "all-at-once": measure.all_at_once,
}
"""Orders in which the neurons of a binary network are updated, by their names in configs."""


class Costs(NamedTuple):
    """Numbers of neurons, synapses and compute units of a memory of K patterns over N neurons."""

    neurons: float
    synapses: float
    compute_units: float


def pairwise_costs(num_neurons: int, num_patterns: int) -> Costs:
    """Returns the costs of a pairwise network: N neurons and N^2 synapses."""
    del num_patterns
    units = theory.compute_units_two_layer(num_neurons, 0)
    return Costs(num_neurons, num_neurons**2, units)


def dense_costs(num_neurons: int, num_patterns: int) -> Costs:
    """Returns the costs of a dense memory in two-layer form: one hidden neuron for each pattern."""
    units = theory.compute_units_two_layer(num_neurons, num_patterns)
    return Costs(num_neurons + num_patterns, num_neurons * num_patterns, units)


def astrocyte_costs(num_neurons: int, num_patterns: int) -> Costs:
    """Returns the costs of a neuron-astrocyte network: each pair has a synapse and a process."""
    del num_patterns
    return Costs(num_neurons, num_neurons**2, theory.compute_units_astrocyte(num_neurons))


def not_counted(num_neurons: int, num_patterns: int) -> Costs:
    """Returns NaN for every cost."""
    del num_neurons, num_patterns
    return Costs(math.nan, math.nan, math.nan)


def not_known(num_neurons: int, criterion: measure.AbstractCriterion) -> float:
    """Returns NaN, because no closed form of the capacity is known."""
    del num_neurons, criterion
    return math.nan


def no_margin(patterns: Patterns) -> float:
    """Returns NaN, because the network has no certificate."""
    del patterns
    return math.nan


class Memory(NamedTuple):
    """One kind of memory.

    Attributes:
        make: Function of patterns, (K, N), of -1 and +1, and of a random key or None; returns the
            network.
        guess: Function of N that returns a number of patterns near the capacity, at which a search
            may start.
        predicted: Function of N and a criterion that returns the capacity by theory; NaN if no
            theory is known.
        costs: Function of N and K that returns the `Costs`.
        margin: Function of patterns that returns the margin of the certificate of the network that
            stores them, or of the network that it reduces exactly; NaN without a certificate.
        keyed: Whether `make` can use a key: a learning rule then sees the patterns in the order
            that the key gives.
        random: Whether `make` needs a key, because it starts from random weights or states.
        slow: Whether it takes long to store many patterns.
        together: Whether the neurons are always updated all at once.
    """

    make: Callable[[Patterns, Key | None], AbstractNetwork]
    guess: Callable[[int], float] = lambda num_neurons: num_neurons / 10
    predicted: Callable[[int, measure.AbstractCriterion], float] = not_known
    costs: Callable[[int, int], Costs] = not_counted
    margin: Callable[[Patterns], float] = no_margin
    keyed: bool = False
    random: bool = False
    slow: bool = False
    together: bool = False

    def maker(self, key: Key) -> Callable[[Patterns], AbstractNetwork]:
        """Returns a function of patterns alone that makes the network.

        Args:
            key: A key that the caller may also split or fold for other uses. If storing needs a
                key, a key that is derived from it is used.
        """
        # Callers fold in small numbers, such as the index of a set; 2^31 differs from all of them.
        of_storing = jr.fold_in(key, 2**31) if self.random else None
        return jax.tree_util.Partial(self.make, key=of_storing)


def stored(network: Callable[..., AbstractNetwork], **settings: Any) -> Memory:
    """Returns the memory `network(patterns, **settings)`; all other fields are the defaults."""

    def make(patterns: Patterns, key: Key | None = None) -> AbstractNetwork:
        del key
        return network(patterns, **settings)

    return Memory(make)


def learned(rule: Callable[..., AbstractLearningRule], **numbers: Any) -> Memory:
    """Returns the pairwise network whose weights are learned by `rule(**numbers)`."""
    made = rule(**numbers)

    def make(patterns: Patterns, key: Key | None = None) -> AbstractNetwork:
        return Hopfield.from_patterns(patterns, made, key=key)

    share = {Storkey: 0.3, PseudoInverse: 0.5}.get(type(made), 0.1)
    return Memory(
        make,
        guess=lambda num_neurons: share * num_neurons,
        costs=pairwise_costs,
        keyed=True,
        random=made.random,
    )


def slowly_learned(rule: Callable[..., AbstractLearningRule], **numbers: Any) -> Memory:
    """Returns `learned(rule, **numbers)`, marked as slow to store many patterns."""
    return learned(rule, **numbers)._replace(slow=True)


def decay(rate: float) -> Memory:
    """Hebb's rule with decay: each new pattern takes a share `rate` off each weight."""
    return learned(ExpandedHebbian, c0=Decay(rate))


def expanded_hebb() -> Memory:
    """The covariance rule with one mean for all neurons, as an expanded Hebbian rule."""

    def make(patterns: Patterns, key: Key | None = None) -> AbstractNetwork:
        mean = jnp.mean(patterns)
        rule = ExpandedHebbian(c0=mean**2, c1pre=-mean, c1post=-mean)
        return Hopfield.from_patterns(patterns, rule, key=key)

    return Memory(make, costs=pairwise_costs, keyed=True)


def covariance() -> Memory:
    """The covariance rule, with thresholds that drive each neuron towards its mean.

    Without these thresholds, a neuron that has the same state in all patterns gets no input.
    """

    def make(patterns: Patterns, key: Key | None = None) -> AbstractNetwork:
        weights = memory.learn(Covariance(), patterns, key=key)
        mean = jnp.mean(patterns, axis=0)
        variance = jnp.mean((patterns - mean[None, :]) ** 2)
        # The network keeps no weight from a neuron to itself.
        mean_field = weights @ mean - jnp.diag(weights) * mean
        return Hopfield(weights, threshold=mean_field - variance * mean)

    return Memory(make, costs=pairwise_costs, keyed=True)


def correlation() -> Memory:
    """The linear correlation matrix."""
    return stored(CorrelationMatrix)._replace(costs=pairwise_costs)


def minerva() -> Memory:
    """Minerva 2."""
    return stored(Minerva2)._replace(guess=lambda size: 0.15 * size**2, costs=dense_costs)


def modern() -> Memory:
    """One pass of softmax attention at beta = 1."""
    return stored(ModernHopfield)._replace(guess=exponentially_many, costs=dense_costs)


def nearest() -> Memory:
    """The universal network of cosines that answers with the most similar pattern."""
    made = stored(UniversalHopfield, similarity=Cosine(), weighting=Max())
    return made._replace(guess=exponentially_many, costs=dense_costs)


def continuous() -> Memory:
    """The flow of the quartic dense memory."""
    return stored(ContinuousDenseMemory)._replace(guess=quadratically_many, costs=dense_costs)


def two_layer() -> Memory:
    """Attention as a flow in time, with a hidden neuron for each pattern."""
    made = stored(TwoLayerMemory.model_b)
    return made._replace(guess=exponentially_many, costs=dense_costs)


def certified(margin: float = 0.02) -> Memory:
    """The neuron-astrocyte network in its certified regime."""
    made = stored(NeuronAstrocyte.certified, margin=margin)
    return _of_astrocyte(made)._replace(guess=quadratically_many)


def coupled_by(tensor: Callable[..., AbstractProcessTensor], **settings: Any) -> Memory:
    """The certified neuron-astrocyte network whose process tensor is `tensor` of the patterns.

    The tensor is scaled to the largest eigenvalue 1, as that of `certified` is.
    """

    def network(patterns: Patterns) -> AbstractNetwork:
        made = tensor(patterns, **settings)
        scaled = (1 / made.largest_eigenvalue()) * made
        full = NeuronAstrocyte.certified(patterns, margin=0.02)
        return eqx.tree_at(lambda net: net.tensor, full, scaled)

    return _of_astrocyte(stored(network))._replace(guess=quadratically_many)


def effective(margin: float = 0.02) -> Memory:
    """The exact reduction of the certified network to its neurons."""

    def reduced(patterns: Patterns) -> AbstractNetwork:
        full = NeuronAstrocyte.certified(patterns, margin=margin)
        return EffectiveNeuronAstrocyte.from_full(full)

    full = certified(margin)
    return full._replace(make=stored(reduced).make)


def released() -> Memory:
    """The neuron-astrocyte network with the parameters of the authors' code."""
    made = stored(NeuronAstrocyte.released)
    return _of_astrocyte(made)._replace(guess=lambda size: 1.6 * size**1.2)


def _of_astrocyte(made: Memory) -> Memory:
    """Returns the memory with the costs and the margin of its three-layer network."""

    def margin(patterns: Patterns) -> float:
        network: Any = made.make(patterns, None)
        return float(network.margin())

    return made._replace(costs=astrocyte_costs, margin=margin)


def check_size(memory: Memory, num_neurons: int) -> None:
    """Checks that a memory of `num_neurons` neurons exists; computes no numbers.

    Raises:
        ValueError: If it does not exist.
    """
    patterns = jax.ShapeDtypeStruct((1, num_neurons), jnp.result_type(float))
    eqx.filter_eval_shape(memory.make, patterns, jr.key(0))


def exponentially_many(num_neurons: int) -> float:
    """Returns a guess of the capacity of memories with exponential separation, exp(0.2 N).

    It is at most exp(700), near the largest float.
    """
    return math.exp(min(0.2 * num_neurons, 700))


def quadratically_many(num_neurons: int) -> float:
    """Returns a guess of the capacity, 0.2 N^2, for the quartic dense memory and related ones."""
    return 0.2 * num_neurons**2


def visible(similarity: Callable[..., AbstractSimilarity]) -> AbstractSimilarity:
    """Returns the similarity that compares only the visible entries of a query."""
    return similarity(visible=True)


def slope(separation: Callable[..., AbstractSeparation], **numbers: Any) -> memory.Slope:
    """Returns the slope F' of a separation function, a dense memory's force, as a weighting."""
    return memory.Slope(separation(**numbers))
