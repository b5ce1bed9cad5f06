"""The dendritic memory: two excitatory, two inhibitory populations, and nonlinear dendrites."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float

from nam_jax._misc import argument_error, axes_of, is_concrete, positive_number
from nam_jax._types import Key, Pattern, Patterns, Scalar
from nam_jax.network._base import AbstractContinuousNetwork
from nam_jax.network._drive import drive_at
from nam_jax.network.dendritic._dendrites import (
    AbstractDendrites,
    Dendrites,
    Transfer,
)
from nam_jax.network.dendritic._inhibition import InhibitoryPopulation, populations
from nam_jax.network.dendritic._ramp import Ramp
from nam_jax.network.dendritic._start import AbstractCue, FeatureCue
from nam_jax.network.dendritic._state import ExternalInputs, State, branch_bias
from nam_jax.network.dendritic._thresholds import (
    Thresholds,
    check_branch_threshold,
    known_thresholds,
)
from nam_jax.network.dendritic._wiring import Wiring


class DendriticMemory(AbstractContinuousNetwork):
    """Memory neurons E1, feature neurons E2 with D nonlinear branches each, inhibition I1 and I2.

        tau_E1 dv1/dt = F(h1) - v1        tau_E2 dv2/dt = D^(-1/2) sum_d A_jd G(h_jd) - v2
        tau_I dvI/dt = [hI]+ - vI         F, G: ramps from a rate at rest to saturation

    The input h1 of memory neurons comes from E2, I2 and I1. The input h_jd of branch d of feature
    neuron j comes from the neurons of E1 and I1 that arrive there (eqs 1-3, 7). A memory is a set
    of a few memory neurons, and every such set is a stable state: its members fire below
    saturation, and all others at their rate at rest, so that no neuron is silent. Rates are in Hz,
    times in ms.

    Source: Kafraj, Krotov, Bicknell & Latham, A biologically plausible associative memory network.
    Here I = J <nu>, and the inhibition of eq 7a has the factor m of eq 11a.

    Attributes:
        dendrites: Synapses from E1 and I1 on the branches of E2, with weights of at least 0.
        feedback: Weights from E2 to E1, (N1, N2). The weight from neuron j of E2 to neuron i of E1
            is that of the branch of j on which i arrives (eq 4).
        memory_inhibition: I1; E1 drives it, and it inhibits E1 and branches.
        feature_inhibition: I2; E2 drives it, and it inhibits E1.
        branch_transfer: G.
        memory_transfer: F; its `low` and `high` are r_min and r_max, in Hz.
        time_constants: tau_E1, tau_E2, tau_I, in ms, above 0.
        start: The rule that turns a cue into an initial state.
        connectivity: c, the probability of a synapse.
        dendritic_mean: m, the mean weight of a branch at the soma.
    """

    dendrites: AbstractDendrites
    feedback: Float[Array, "N1 N2"]
    memory_inhibition: InhibitoryPopulation
    feature_inhibition: InhibitoryPopulation
    branch_transfer: Transfer
    memory_transfer: Ramp
    time_constants: tuple[Scalar, Scalar, Scalar]
    start: AbstractCue
    connectivity: float = eqx.field(static=True)
    dendritic_mean: float = eqx.field(static=True)

    def __init__(
        self,
        wiring: Wiring,
        *,
        branch_transfer: Transfer,
        memory_transfer: Ramp,
        time_constants: tuple[float | Scalar, ...] = (10.0, 50.0, 5.0),
        start: AbstractCue | None = None,
        dendrites: AbstractDendrites | None = None,
    ):
        """Packs the synapses of `wiring` on the host, so that it cannot run under `jax.jit`.

        The network does not keep `wiring` itself.

        Args:
            wiring: All synapses.
            branch_transfer: G.
            memory_transfer: F.
            time_constants: tau_E1, tau_E2, tau_I, in ms, above 0.
            start: The rule that turns a cue into an initial state; by default `FeatureCue()`.
            dendrites: Synapses that replace those of `wiring` on branches, such as
                `dendritic.PointSynapses`.

        Raises:
            ValueError: If a weight is negative, or `time_constants` are not three numbers above 0.
        """
        if dendrites is None:
            dendrites = Dendrites(*wiring.arriving(), wiring.dendritic)
        self.dendrites = dendrites
        self.feedback = wiring.back()
        self.memory_inhibition, self.feature_inhibition = populations(wiring)
        self.branch_transfer, self.memory_transfer = branch_transfer, memory_transfer
        if len(time_constants) != 3:
            requirement = "hold three numbers (E1, E2, inhibition)"
            raise argument_error("time_constants", requirement, f"{len(time_constants)}")
        tau_e1, tau_e2, tau_i = (positive_number("time_constants", time) for time in time_constants)
        self.time_constants = (tau_e1, tau_e2, tau_i)
        self.start = FeatureCue() if start is None else start
        self.connectivity, self.dendritic_mean = wiring.connectivity, wiring.dendritic_mean

    def __check_init__(self):
        inhibition = (self.memory_inhibition, self.feature_inhibition)
        weights = {
            "dendrites": self.dendrites.weights(),
            "feedback": self.feedback,
            "I": inhibition,
        }
        for path, leaf in jax.tree_util.tree_leaves_with_path(weights):
            if is_concrete(leaf) and not (np.asarray(leaf) >= 0).all():
                requirement = "hold weights of at least 0, since the equations hold their signs"
                description = f"{np.asarray(leaf).min():.3g} in {jax.tree_util.keystr(path)}"
                raise argument_error("wiring", requirement, description)

    @classmethod
    def random(
        cls,
        num_memory: int = 1000,
        num_feature: int = 2000,
        num_branches: int = 500,
        *,
        key: Key,
        connectivity: float = 1.0,
        thresholds: Thresholds | tuple[float, float, float] | None = None,
        rates: tuple[float, float] = (1.0, 100.0),
        resting_output: float = 0.5,
        width: float = 0.5,
        time_constants: tuple[float, float, float] = (10.0, 50.0, 5.0),
        start: AbstractCue | None = None,
        **wiring: Any,
    ) -> "DendriticMemory":
        """Returns a randomly wired network; by default of the paper's sizes, rates and thresholds.

        Args:
            num_memory: N1.
            num_feature: N2.
            num_branches: D, branches of a feature neuron, at most N1.
            key: Random key of the wiring.
            connectivity: c in (0, 1], the probability of a synapse.
            thresholds: g_t, f_t, g_max; by default the known thresholds for these sizes.
            rates: r_min and r_max, in Hz.
            resting_output: g_min, in Hz, at least 0 and below g_max.
            width: Input over which a branch goes from g_min to g_max, above 0.
            time_constants: tau_E1, tau_E2, tau_I, in ms, above 0.
            start: The rule that turns a cue into an initial state; by default `FeatureCue()`.
            **wiring: Further arguments of `network.dendritic.Wiring.random`.

        Raises:
            ValueError: If an argument is outside its range; if no thresholds are known for the
                sizes; or if g_t is not above the input of a resting branch (0), or g_t + `width`
                not below the input of a branch with one memory neuron at r_max.
        """
        levels = known_thresholds((num_memory, num_feature, num_branches, connectivity), thresholds)
        drawn = Wiring.random(
            num_memory, num_feature, num_branches, key=key, connectivity=connectivity, **wiring
        )
        memory = Ramp(levels.memory, *rates)
        width = float(positive_number("width", width))
        slope = (levels.saturation - resting_output) / width
        branch = Ramp(levels.branch, resting_output, levels.saturation, slope)
        check_branch_threshold(
            levels.branch, width, rates, connectivity * num_memory / num_branches
        )
        return cls(
            drawn,
            branch_transfer=branch,
            memory_transfer=memory,
            time_constants=time_constants,
            start=start,
        )

    @property
    def dtype(self) -> np.dtype:
        return self.feedback.dtype

    @property
    def drive_type(self) -> type[ExternalInputs]:
        return ExternalInputs

    @property
    def can_be_silent(self) -> bool:
        return False

    def stored_rows(self) -> Patterns | None:
        return None

    def row_axes(self) -> tuple[Any, State]:
        """Returns the axes: N2 for all synapses that arrive at or leave feature neurons."""

        def last_axes(tree: Any) -> Any:
            return jax.tree.map(lambda leaf: leaf.ndim - 1, tree)

        def arrays(network: Any) -> tuple[Any, ...]:
            return network.dendrites, network.feedback, network.feature_inhibition.excitation

        axes = axes_of(self, arrays, last_axes(arrays(self)))
        return axes, axes_of(self.time_scales(), lambda s: s.feature, 0)

    @property
    def num_memory(self) -> int:
        """N1, the number of memory neurons."""
        return self.feedback.shape[0]

    @property
    def num_feature(self) -> int:
        """N2, the number of feature neurons."""
        return self.feedback.shape[1]

    def initial_state(self, cue: ArrayLike) -> State:
        """Returns the initial rates of all populations, made by `start`.

        Args:
            cue: With the default `start` the rates of E2, (N2,), in Hz.

        Raises:
            ValueError: If `cue` has the wrong length or is not finite.
        """
        return self.start(self, cue)

    def state_of(
        self, memory: Float[Array, " N1"], feature: Float[Array, " N2"], *, matched: bool = True
    ) -> State:
        """Returns the state with the given excitatory rates.

        Args:
            memory: Rates of E1, in Hz.
            feature: Rates of E2, in Hz.
            matched: Whether inhibition is at its steady state for these rates; if not, it is 0.
        """
        i1 = self.memory_inhibition.settled(memory)
        i2 = self.feature_inhibition.settled(feature)
        scale = 1.0 if matched else 0.0
        return State(memory, feature, scale * i1, scale * i2)

    def features_of(self, members: Float[Array, " N1"] | Bool[Array, " N1"]) -> Array:
        """Returns the features of a memory, (N2,) in Hz, which are its ideal cue.

        Feature j is D^(-1/2) sum_d A_jd g_d, where g_d is g_max if a member of the memory arrives
        on branch d, and g_min if not (eq 15).

        Args:
            members: Which memory neurons belong to the memory: 1 or True for members, else 0.

        Raises:
            ValueError: If `branch_transfer` is not a `Ramp`.
        """
        transfer = self.branch_transfer
        if not isinstance(transfer, Ramp):
            description = type(transfer).__name__
            raise argument_error("branch_transfer", "be a `Ramp` for ideal features", description)
        members = jnp.asarray(members, self.feedback.dtype)
        silent = jnp.zeros(self.memory_inhibition.num_neurons, members.dtype)
        return self._summed(jnp.concatenate([members, silent]), _Arrived(transfer))

    def evoked_features(self, memory: Float[Array, " N1"]) -> Float[Array, " N2"]:
        """Returns the steady state of E2, (N2,) in Hz, for held memory neurons.

        I1 is at its steady state for the same rates, and branches get no external input.

        Args:
            memory: Rates of E1, in Hz.
        """
        return self._feature_target(memory, self.memory_inhibition.settled(memory), None)

    def vector_field(self, t: Scalar | float, state: State, drive: Any = None) -> State:
        inputs, state = self.as_drive(drive), self.as_state(state)
        v1, v2, i1, i2 = jax.tree.leaves(state)
        tau_e1, tau_e2, tau_i = (tau.astype(v1.dtype) for tau in self.time_constants)
        h1 = self.memory_drive(v2, i1, i2) + drive_at(inputs.memory, t, v1)
        biases = branch_bias(inputs.branches, t, v2, self.dendrites.num_branches)
        return State(
            (self.memory_transfer(h1) - v1) / tau_e1,
            (self._feature_target(v1, i1, biases) - v2) / tau_e2,
            (self.memory_inhibition.target(i1, v1) - i1) / tau_i,
            (self.feature_inhibition.target(i2, v2) - i2) / tau_i,
        )

    def memory_drive(
        self, feature: Float[Array, " N2"], i1: Float[Array, " M1"], i2: Float[Array, " M2"]
    ) -> Float[Array, " N1"]:
        """Returns h1, the input to memory neurons, (N1,) (eqs 2a, 7a and 11a).

        Args:
            feature: Rates of E2, in Hz.
            i1: Rates of I1, in Hz.
            i2: Rates of I2, in Hz.
        """
        c, n2 = self.connectivity, self.num_feature
        excited = self.feedback @ feature / math.sqrt(c * n2)
        by_i1 = self.memory_inhibition.inhibition(i1, math.sqrt(n2))
        by_i2 = self.feature_inhibition.inhibition(i2, math.sqrt(n2) * self.dendritic_mean)
        return excited - by_i2 - by_i1

    def _feature_target(self, v1: Array, i1: Array, biases: Array | None) -> Array:
        """Returns D^(-1/2) sum_d A_jd G(h_jd), (N2,), with h_jd from eqs 2b and 7c."""
        per_branch, c = self.dendrites.num_branches, self.connectivity
        memory_scale = math.sqrt(per_branch / (c * v1.shape[0]))
        inhibition_scale = math.sqrt(per_branch * v1.shape[0] / c) / i1.shape[0]
        inputs = jnp.concatenate([memory_scale * v1, -inhibition_scale * i1])
        return self._summed(inputs, self.branch_transfer, biases)

    def _summed(self, inputs: Array, transfer: Transfer, biases: Array | None = None) -> Array:
        """Returns D^(-1/2) times the sums of branches, at least 0."""
        total = self.dendrites.sum_branches(inputs, transfer, biases)
        # Rates are at least 0, but the sum over `Linear` branches can be negative.
        return jax.nn.relu(total) / math.sqrt(self.dendrites.num_branches)

    def visible(self, state: Any) -> Any:
        """Returns the leaf of memory neurons."""
        return state.memory

    def layers(self) -> None:
        return None

    def energy_terms(self, state: State, drive: Any = None, t: Scalar | float = 0.0) -> None:
        return None

    def readout(self, state: State) -> Pattern:
        """Returns the rates of memory neurons, (N1,), in Hz."""
        return self.as_state(state).memory

    def time_scales(self) -> State:
        tau_e1, tau_e2, tau_i = self.time_constants
        return State(tau_e1, tau_e2, tau_i, tau_i)


class _Arrived(eqx.Module):
    """A branch transfer: g_max if the drive is above 0, so if a member arrives; otherwise g_min."""

    transfer: Ramp

    def __call__(self, z: Float[Array, "..."]) -> Float[Array, "..."]:
        low, high = self.transfer.low.astype(z.dtype), self.transfer.high.astype(z.dtype)
        return jnp.where(z > 0, high, low)
