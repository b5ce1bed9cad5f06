"""The inhibitory populations of the dendritic memory: what drives them, and where they settle."""

import math

import equinox as eqx
import jax
from jaxtyping import Array, Float

from nam_jax.network.dendritic._wiring import Wiring


class InhibitoryPopulation(eqx.Module):
    """One of I1 and I2: tau_I dv/dt = [h]+ - v, with h from one excitatory population.

        h = 1/(c N) sum J v_E - 1/(c M)^2 sum J v

    Source: Kafraj, Krotov, Bicknell & Latham, eqs 1c-d, 2c-d and 7d-e.

    Attributes:
        excitation: Weights from the N excitatory neurons.
        within: Weights among its own M neurons.
        output: Weights to the N1 memory neurons.
        connectivity: c.
    """

    excitation: Float[Array, "M N"]
    within: Float[Array, "M M"]
    output: Float[Array, "N1 M"]
    connectivity: float = eqx.field(static=True)

    def target(self, rates: Float[Array, " M"], excitatory: Float[Array, " N"]) -> Array:
        """[h]+, (M,), for its own rates and those of the excitatory population."""
        return jax.nn.relu(self._excited(excitatory) - self._own(rates))

    def settled(self, excitatory: Float[Array, " N"]) -> Float[Array, " M"]:
        """Its steady state while the excitatory population is held: v = [h]+.

        By damped iteration, which converges fast because inhibition within the population is of
        the order 1 / (c M) of that which it is.
        """
        excited = self._excited(excitatory)
        # Row sums of inhibition within the population, were its weights 1.
        total = 1 / (self.connectivity * self.num_neurons)
        step = 1 / (1 + total)

        def advance(rates: Array, _: None) -> tuple[Array, None]:
            return rates + step * (jax.nn.relu(excited - self._own(rates)) - rates), None

        steps = _steps(2 * total / (1 + total))
        return jax.lax.scan(advance, step * jax.nn.relu(excited), length=steps)[0]

    @property
    def num_neurons(self) -> int:
        """M."""
        return self.within.shape[0]

    def inhibition(self, rates: Float[Array, " M"], scale: float) -> Float[Array, " N1"]:
        """What it takes from the input of memory neurons: scale sum J v / (sqrt(c) M), (N1,).

        That is 1/sqrt(c M) sum Jt v with Jt = scale J / sqrt(M) (eq 7).
        """
        scale = scale / (math.sqrt(self.connectivity) * rates.shape[0])
        return scale * (self.output @ rates)

    def _scale(self) -> float:
        return 1 / (self.connectivity * self.num_neurons) ** 2

    def _excited(self, excitatory: Float[Array, " N"]) -> Float[Array, " M"]:
        scale = 1 / (self.connectivity * self.excitation.shape[1])
        return scale * (self.excitation @ excitatory)

    def _own(self, rates: Float[Array, " M"]) -> Float[Array, " M"]:
        return self._scale() * (self.within @ rates)


def _steps(shrinking: float) -> int:
    """Steps after which an error that shrinks by this factor a step is below rounding."""
    return min(200, 2 + math.ceil(math.log(1e-14) / math.log(min(shrinking, 0.9))))


def populations(wiring: Wiring) -> tuple[InhibitoryPopulation, InhibitoryPopulation]:
    """I1 and I2 of a wiring."""
    of_memory = InhibitoryPopulation(
        wiring.to_memory_inhibition,
        wiring.within_memory_inhibition,
        wiring.memory_inhibition,
        wiring.connectivity,
    )
    of_feature = InhibitoryPopulation(
        wiring.to_feature_inhibition,
        wiring.within_feature_inhibition,
        wiring.feature_inhibition,
        wiring.connectivity,
    )
    return of_memory, of_feature
