"""Memories of random patterns by name: how each is made, and what the theory says it holds."""

import math
from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax

from nam_jax import measure, theory
from nam_jax._misc import argument_error
from nam_jax._types import Patterns
from nam_jax.memory import (
    Cosine,
    DistinctPower,
    Exponential,
    Max,
    Power,
    PseudoInverse,
    RectifiedPower,
    Storkey,
)
from nam_jax.network import (
    AbstractNetwork,
    ContinuousDenseMemory,
    CorrelationMatrix,
    DenseAssociativeMemory,
    EffectiveNeuronAstrocyte,
    Hopfield,
    Minerva2,
    ModernHopfield,
    NeuronAstrocyte,
    TwoLayerMemory,
    UniversalHopfield,
)

Capacity = Callable[[int, measure.AbstractCriterion], float]
"""K at which N neurons meet a criterion; NaN where no closed form is known."""


class Memory(NamedTuple):
    """One kind of memory.

    Attributes:
        make: From patterns to the network.
        guess: A number of patterns near its capacity, by number of neurons.
        predicted: What the theory says.
        degree: n of a dense memory, with which its capacity grows as N^(n-1); NaN for others.
    """

    make: Callable[[Patterns], AbstractNetwork]
    guess: Callable[[int], float]
    predicted: Capacity
    degree: float = math.nan


def _unknown(num_neurons: int, criterion: measure.AbstractCriterion) -> float:
    del num_neurons, criterion
    return math.nan


def _dense(n: int) -> Memory:
    def make(patterns: Patterns) -> AbstractNetwork:
        return DenseAssociativeMemory(patterns, Power(n))

    return Memory(make, lambda size: _scale(n, size), lambda *a: _predicted(n, *a), n)


def _rectified(n: int) -> Memory:
    def make(patterns: Patterns) -> AbstractNetwork:
        return DenseAssociativeMemory(patterns, RectifiedPower(n))

    def predicted(size: int, criterion: measure.AbstractCriterion) -> float:
        if isinstance(criterion, measure.OneStep):
            difference = theory.rectified_difference(n)
            return theory.exact_capacity_at_error(size, difference, criterion.error)
        return 2 * _predicted(n, size, criterion)

    return Memory(make, lambda size: 2 * _scale(n, size), predicted, n)


def _distinct(n: int) -> Memory:
    more = math.prod(range(2 * n - 3, 0, -2)) / math.factorial(n - 1)

    def make(patterns: Patterns) -> AbstractNetwork:
        return DenseAssociativeMemory(patterns, DistinctPower(n, patterns.shape[1]))

    def predicted(size: int, criterion: measure.AbstractCriterion) -> float:
        if isinstance(criterion, measure.OneStep):
            difference = theory.distinct_difference(size, n)
            return theory.exact_capacity_at_error(size, difference, criterion.error)
        return more * _predicted(n, size, criterion)

    return Memory(make, lambda size: more * _scale(n, size), predicted, n)


def _single_pass(n: int) -> Memory:
    def make(patterns: Patterns) -> AbstractNetwork:
        return DenseAssociativeMemory(patterns, Power(n), self_coupling=True)

    def predicted(size: int, criterion: measure.AbstractCriterion) -> float:
        if n % 2 or n == 2 or not isinstance(criterion, measure.Recall):
            return math.nan
        return float(theory.self_coupled_capacity(size, n, criterion.flips))

    return Memory(make, lambda size: 0.2 * size ** (n / 2), predicted, n)


def _predicted(n: int, size: int, criterion: measure.AbstractCriterion) -> float:
    """Of F = z^n / n by energy differences."""
    if isinstance(criterion, measure.OneStep):
        return theory.exact_capacity_at_error(size, theory.power_difference(n), criterion.error)
    if isinstance(criterion, measure.Recall) and n > 2 and not criterion.all_patterns:
        load = theory.basin_load(n, criterion.flips)
        return load * size ** (n - 1) / math.prod(range(2 * n - 3, 0, -2))
    return math.nan


def _scale(n: int, size: int) -> float:
    return float(theory.capacity_at_error(size, n, 0.005))


def _certified(patterns: Patterns) -> NeuronAstrocyte:
    return NeuronAstrocyte.certified(patterns, margin=0.02)


def _effective(patterns: Patterns) -> AbstractNetwork:
    return EffectiveNeuronAstrocyte.from_full(_certified(patterns))


def _pairwise(rule: PseudoInverse | Storkey) -> Callable[[Patterns], AbstractNetwork]:
    return lambda patterns: Hopfield.from_patterns(patterns, rule)


MEMORIES: dict[str, Memory] = (
    {f"power-{n}": _dense(n) for n in range(2, 7)}
    | {f"rectified-{n}": _rectified(n) for n in range(2, 5)}
    | {f"distinct-{n}": _distinct(n) for n in range(3, 5)}
    | {f"single-pass-{n}": _single_pass(n) for n in range(2, 5)}
    | {
        "exponential": Memory(
            lambda xi: DenseAssociativeMemory(xi, Exponential()),
            lambda size: math.exp(0.2 * size),
            _unknown,
        ),
        "storkey": Memory(_pairwise(Storkey()), lambda size: 0.3 * size, _unknown),
        "pseudo-inverse": Memory(_pairwise(PseudoInverse()), lambda size: 0.5 * size, _unknown),
        "correlation": Memory(CorrelationMatrix, lambda size: 0.1 * size, _unknown),
        "minerva": Memory(Minerva2, lambda size: 0.15 * size**2, _unknown),
        "modern": Memory(ModernHopfield, lambda size: math.exp(0.2 * size), _unknown),
        "nearest": Memory(
            lambda xi: UniversalHopfield(xi, Cosine(), Max()),
            lambda size: math.exp(0.2 * size),
            _unknown,
        ),
        "continuous": Memory(
            ContinuousDenseMemory, lambda size: 0.2 * size**2, _unknown
        ),
        "two-layer": Memory(
            TwoLayerMemory.model_b, lambda size: math.exp(0.2 * size), _unknown
        ),
        "certified": Memory(_certified, lambda size: 0.2 * size**2, _unknown),
        "effective": Memory(_effective, lambda size: 0.2 * size**2, _unknown),
        "released": Memory(
            NeuronAstrocyte.released, lambda size: 1.6 * size**1.2, _unknown
        ),
    }
)  # fmt: skip
"""Every memory by its name in a config.

power-2 is Hopfield's network; single-pass-4 repeats the literal pass of a quartic dense memory, of
which `minerva` makes one; `nearest` is the universal network of cosines that takes the best,
`modern` that of softmax, `two-layer` the same flowing in time; `continuous` the flow of the quartic
dense memory.
"""


def check_size(memory: Memory, num_neurons: int) -> None:
    """Builds the memory of one pattern of that size in the abstract, which computes nothing.

    Raises:
        ValueError: If there is no such memory of that size.
    """
    eqx.filter_eval_shape(memory.make, jax.ShapeDtypeStruct((1, num_neurons), float))


def memory_named(name: str, argument: str) -> Memory:
    """The memory of that name, which was given as `argument`.

    Raises:
        ValueError: If there is none.
    """
    if name not in MEMORIES:
        known = ", ".join(MEMORIES)
        raise argument_error(argument, f"name memories among {known}", name)
    return MEMORIES[name]
