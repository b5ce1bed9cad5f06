"""How a cue becomes an initial state of the dendritic memory."""

import abc
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import ArrayLike

from nam_jax._misc import argument_error
from nam_jax.network._drive import as_cue


class AbstractCue(eqx.Module):
    """Turns a cue into the rates of all four populations."""

    @abc.abstractmethod
    def __call__(self, network: Any, cue: ArrayLike) -> Any:
        """The initial state of `network`.

        Raises:
            ValueError: If the cue has the wrong length, or is not finite.
        """


class FeatureCue(AbstractCue):
    """The cue is the rate of every feature neuron, (N2,) in Hz; memory neurons are at rest.

    Attributes:
        matched: Whether inhibition starts at its steady state for these rates; otherwise at 0,
            and then recall fails: every memory neuron gets an unbalanced sqrt(N2) m of input.
    """

    matched: bool = eqx.field(default=True, static=True)

    def __call__(self, network: Any, cue: ArrayLike) -> Any:
        cue = as_cue(cue, network.num_feature, network.dtype)
        memory = jnp.broadcast_to(network.memory_transfer.low.astype(cue.dtype), network.num_memory)
        return network.state_of(memory, cue, matched=self.matched)


class MemoryCue(AbstractCue):
    """The cue says which memory neurons are driven, (N1,) in [0, 1], such as part of a memory.

    They start at `rate`, feature neurons and inhibition at their steady state for these rates.

    Attributes:
        rate: Rate of a memory neuron whose entry is 1, in Hz.
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
