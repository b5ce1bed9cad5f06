"""Networks that differ from the presets of `NeuronAstrocyte` in one respect, such as a leak."""

from typing import Any, ClassVar

import equinox as eqx

from nam_jax._misc import as_float
from nam_jax._types import Pattern, Patterns, Scalar
from nam_jax.memory import AbstractPatternRule
from nam_jax.network import (
    AbstractStart,
    Algebraic,
    EffectiveNeuronAstrocyte,
    NeuronAstrocyte,
    PerLayer,
    TripartiteState,
)

# Compiled as wholes: operations one by one, each a program of its own, take longer to compile.
_released = eqx.filter_jit(NeuronAstrocyte.released)
_certified = eqx.filter_jit(NeuronAstrocyte.certified)
reduced = eqx.filter_jit(EffectiveNeuronAstrocyte.from_full)


def certified(
    patterns: Patterns,
    *,
    margin: float,
    gain: float = 0.9,
    rule: AbstractPatternRule | None = None,
    autapses: bool = False,
) -> NeuronAstrocyte:
    """Returns `NeuronAstrocyte.certified`; all margins and gains share one compiled program."""
    margin_, gain_ = as_float(margin), as_float(gain)
    return _certified(patterns, margin=margin_, gain=gain_, rule=rule, autapses=autapses)


def released_with(
    patterns: Patterns,
    *,
    leak: float = 1.0,
    time_constants: tuple[float, float, float] = (1.0, 1.0, 1.0),
    start: AbstractStart | None = None,
) -> NeuronAstrocyte:
    """Returns `NeuronAstrocyte.released` with other leaks, time constants and start.

    Args:
        patterns: (K, N), the patterns to store.
        leak: The leaks alpha and gamma of synapses and processes.
        time_constants: Those of neurons, synapses and processes.
        start: The start of recall; None: that of the preset.
    """
    network = _released(patterns)
    leaks = PerLayer(network.leaks.neural, as_float(leak), as_float(leak))
    times = PerLayer(*(as_float(time) for time in time_constants))
    network = eqx.tree_at(lambda n: (n.leaks, n.time_constants), network, (leaks, times))
    return network if start is None else eqx.tree_at(lambda n: n.start, network, start)


def ungated(network: NeuronAstrocyte, leak: float | Scalar = 1.0) -> NeuronAstrocyte:
    """Returns `network` with its neural leak and its neural time constant set to `leak`."""
    leaks = network.leaks._replace(neural=as_float(leak))
    times = network.time_constants._replace(neural=as_float(leak))
    return eqx.tree_at(lambda n: (n.leaks, n.time_constants), network, (leaks, times))


def with_gain(network: EffectiveNeuronAstrocyte, gain: float) -> EffectiveNeuronAstrocyte:
    """Returns `network` with neural leak and membrane time set to `gain`, in units of beta M0 N."""
    unit = network.neural.slope_bound * network.background * network.num_neurons
    leak = (gain * unit).astype(network.leak.dtype)
    return eqx.tree_at(lambda net: (net.leak, net.time_constant), network, (leak, leak))


class Exchanged(AbstractStart):
    """The algebraic start with s and p exchanged, as printed in section 3 of the paper."""

    needs_lagrangians: ClassVar[bool] = True
    voltage: float = 1.0

    def __call__(self, network: Any, cue: Pattern) -> TripartiteState:
        state = Algebraic(self.voltage)(network, cue)
        return TripartiteState(state.neurons, state.processes, state.synapses)
