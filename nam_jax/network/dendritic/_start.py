"""Cues of the dendritic memory: classes that turn a cue into an initial state."""

import abc
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import ArrayLike

from nam_jax._misc import argument_error
from nam_jax._precision import AbstractPrecise
from nam_jax.network._drive import as_cue


class AbstractCue(AbstractPrecise):
    """A rule that turns a cue into the initial rates of all four populations."""

    @abc.abstractmethod
    def __call__(self, network: Any, cue: ArrayLike) -> Any:
        """Returns the initial state of `network`.

        Args:
            network: A [`nam_jax.network.DendriticMemory`][].
            cue: Finite real numbers; the class says how many, and their meaning.

        Raises:
            ValueError: If the cue has the wrong length, or is not finite.
        """


class FeatureCue(AbstractCue):
    """The cue is the rate of each feature neuron, (N2,) in Hz; memory neurons start at rest.

    Attributes:
        matched: Whether inhibition starts at its steady state for these rates. If not, it starts
            at 0 and recall fails: about sqrt(c N2) m <nu_E2> of the input of every memory neuron
            is not balanced.
    """

    matched: bool = eqx.field(default=True, static=True)

    def __call__(self, network: Any, cue: ArrayLike) -> Any:
        cue = as_cue(cue, network.num_feature, network.dtype)
        memory = jnp.broadcast_to(network.memory_transfer.low.astype(cue.dtype), network.num_memory)
        return network.state_of(memory, cue, matched=self.matched)


class MemoryCue(AbstractCue):
    """The cue marks the memory neurons that start active, (N1,) numbers in [0, 1].

    It may mark part of a memory. An entry of 1 stands for `rate`, an entry of 0 for the rate at
    rest. Feature neurons and inhibition start at their steady state for these rates.

    Attributes:
        rate: Initial rate of a memory neuron whose entry is 1, in Hz, above 0.
        matched: As for [`FeatureCue`][nam_jax.network.dendritic.FeatureCue].
    """

    rate: float = 60.0
    matched: bool = eqx.field(default=True, static=True)

    def __check_init__(self):
        if not self.rate > 0:
            raise argument_error("rate", "be above 0", self.rate)

    def __call__(self, network: Any, cue: ArrayLike) -> Any:
        cue = as_cue(cue, network.num_memory, network.dtype)
        rest = network.memory_transfer.low.astype(cue.dtype)
        memory = rest + cue * (self.rate - rest)
        features = network.evoked_features(memory)
        return network.state_of(memory, features, matched=self.matched)
