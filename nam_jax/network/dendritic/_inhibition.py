"""The inhibitory populations of the dendritic memory: their input, steady state and output."""

import math

import equinox as eqx
import jax
from jaxtyping import Array, Float

from nam_jax._precision import AbstractPrecise
from nam_jax.network.dendritic._wiring import Wiring


class InhibitoryPopulation(AbstractPrecise):
    """The inhibitory population I1 or I2, driven by N excitatory neurons and by itself.

        tau_I dv/dt = [h]+ - v,   h = 1/(c N) sum J v_E - 1/(c M)^2 sum J v

    J is `excitation` in the first sum and `within` in the second. Source: Kafraj, Krotov, Bicknell
    & Latham, eqs 1c-d, 2c-d and 7d-e.

    Attributes:
        excitation: Weights from the N excitatory neurons, (M, N).
        within: Weights among the population's own M neurons, (M, M).
        output: Weights to the N1 memory neurons, (N1, M).
        connectivity: c, the probability of a synapse.
    """

    excitation: Float[Array, "M N"]
    within: Float[Array, "M M"]
    output: Float[Array, "N1 M"]
    connectivity: float = eqx.field(static=True)

    def target(self, rates: Float[Array, " M"], excitatory: Float[Array, " N"]) -> Array:
        """Returns [h]+, (M,), the rates in Hz towards which the population moves.

        Args:
            rates: v, the population's own rates, in Hz.
            excitatory: v_E, the rates of the excitatory population, in Hz.
        """
        return jax.nn.relu(self._excited(excitatory) - self._own(rates))

    def settled(self, excitatory: Float[Array, " N"]) -> Float[Array, " M"]:
        """Returns the steady state v = [h]+, (M,) in Hz, for held excitatory rates.

        Args:
            excitatory: v_E, the rates of the excitatory population, in Hz.
        """
        # Damped fixed-point iteration. It converges fast, since inhibition within the population is
        # small: about t = 1 / (c M) times the excitation. Example: M = 2, c = 1, all weights 1,
        # excitation (3, 1), so t = 1/2 and the step is 1 / (1 + t) = 2/3. Start: 2/3 (3, 1) =
        # (2, 2/3). The own inhibition is (2 + 2/3) / 4 = 2/3 for both, [h]+ is (7/3, 1/3), and a
        # step gives (20/9, 4/9). The errors fall from (-1/3, 1/3) to (-1/9, 1/9).
        excited = self._excited(excitatory)
        # t: the sum over a row of the inhibition within the population if all weights are 1.
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
        """Returns the inhibition of each memory neuron, (N1,): scale / (sqrt(c) M) sum_j J_ij v_j.

        J is `output`, and j runs over the M neurons of this population. The paper writes this as
        1 / sqrt(c M) sum_j Jt_ij v_j, where eq 7 gives the weights Jt = scale J / sqrt(M). The
        caller subtracts the inhibition from the input of memory neurons.

        Args:
            rates: v, the population's own rates, in Hz.
            scale: sqrt(N2) for I1, and m sqrt(N2) for I2, with N2 feature neurons and the mean m of
                dendritic weights.
        """
        scale = scale / (math.sqrt(self.connectivity) * rates.shape[0])
        return scale * (self.output @ rates)

    def _scale(self) -> float:
        """Returns 1 / (c M)^2."""
        return 1 / (self.connectivity * self.num_neurons) ** 2

    def _excited(self, excitatory: Float[Array, " N"]) -> Float[Array, " M"]:
        """Returns the excitation, the first term of h."""
        scale = 1 / (self.connectivity * self.excitation.shape[1])
        return scale * (self.excitation @ excitatory)

    def _own(self, rates: Float[Array, " M"]) -> Float[Array, " M"]:
        """Returns the inhibition within the population, which h subtracts."""
        return self._scale() * (self.within @ rates)


def _steps(shrinking: float) -> int:
    """Returns how many steps reduce an error to 1e-14 of its size, and two more, at most 200.

    A step multiplies the error by `shrinking`, or by 0.9 if that is less. Example: for 0.4 the
    number is 2 + ceil(35.2) = 38.
    """
    return min(200, 2 + math.ceil(math.log(1e-14) / math.log(min(shrinking, 0.9))))


def populations(wiring: Wiring) -> tuple[InhibitoryPopulation, InhibitoryPopulation]:
    """Returns the populations I1 and I2 of a wiring."""
    memory_driven = InhibitoryPopulation(
        wiring.to_memory_inhibition,
        wiring.within_memory_inhibition,
        wiring.memory_inhibition,
        wiring.connectivity,
    )
    feature_driven = InhibitoryPopulation(
        wiring.to_feature_inhibition,
        wiring.within_feature_inhibition,
        wiring.feature_inhibition,
        wiring.connectivity,
    )
    return memory_driven, feature_driven
