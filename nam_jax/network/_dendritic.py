"""The dendritic dense memory: excitatory and inhibitory populations and nonlinear dendrites."""

import math
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from nam_jax._misc import argument_error, is_concrete, positive_number
from nam_jax._types import Key, Pattern, Scalar
from nam_jax.network._base import AbstractContinuousNetwork
from nam_jax.network._dendrites import Dendrites, Transfer
from nam_jax.network._dendritic_inhibition import InhibitoryPopulation, populations
from nam_jax.network._dendritic_start import AbstractDendriticStart, FeatureCue
from nam_jax.network._dendritic_wiring import DendriticWiring
from nam_jax.network._layers import Signal, drive_at
from nam_jax.network._ramp import Ramp


class DendriticState(eqx.Module):
    """The rates of all populations, in Hz.

    Attributes:
        memory: nu_E1, (N1,).
        feature: nu_E2, (N2,).
        memory_inhibition: nu_I1, (M1,), driven by memory neurons.
        feature_inhibition: nu_I2, (M2,), driven by feature neurons.
    """

    memory: Float[Array, " N1"] | Scalar
    feature: Float[Array, " N2"] | Scalar
    memory_inhibition: Float[Array, " M1"] | Scalar
    feature_inhibition: Float[Array, " M2"] | Scalar


class DendriticDrive(eqx.Module):
    """External inputs h_ext, each absent, constant or a function of time in ms.

    Attributes:
        memory: To memory neurons, one number or (N1,).
        branches: To branches, one number, (N2,) for all branches of each neuron, or (N2, D).
    """

    memory: Signal = None
    branches: Signal = None


class Thresholds(NamedTuple):
    """The numbers that must fit each other and the sizes: see `nam_jax.theory`.

    Attributes:
        branch: g_t, input at which a branch begins to respond.
        memory: f_t, input at which a memory neuron leaves r_min.
        saturation: g_max, output of a saturated branch.
    """

    branch: float
    memory: float
    saturation: float


THRESHOLDS = {
    (1000, 2000, 500, 1.0): Thresholds(5.3, -16.0, 555.0),
    (1000, 2000, 200, 1.0): Thresholds(5.12, -16.8, 372.8),
    (1000, 2000, 250, 0.5): Thresholds(5.774, -4.89, 418.1),
    (1000, 2000, 500, 0.5): Thresholds(6.352, -3.97, 579.6),
    (1000, 2000, 100, 0.2): Thresholds(5.103, 1.72, 322.7),
    (1000, 2000, 500, 0.2): Thresholds(6.684, 3.0, 685.1),
    (1000, 2000, 50, 0.1): Thresholds(5.058, 5.8, 288.3),
    (1000, 2000, 500, 0.1): Thresholds(8.29, 6.24, 837.8),
    (200, 2000, 100, 1.0): Thresholds(4.44, -28.13, 245.7),
    (2000, 4000, 500, 1.0): Thresholds(5.75, -39.37, 382.3),
}
"""Thresholds that work, by N1, N2, D and c."""


class DendriticMemory(AbstractContinuousNetwork):
    """Memory neurons E1, feature neurons E2 with D nonlinear branches each, inhibition I1 and I2.

        tau_E1 dv1/dt = F(h1) - v1        tau_E2 dv2/dt = D^(-1/2) sum_d A_jd G(h_jd) - v2
        tau_I dvI/dt = [hI]+ - vI         F, G: ramps from a rate at rest to saturation

    with h1 from E2, I2 and I1, and h_jd from the memory neurons and I1 on branch d (eqs 1-3, 7).
    Every set of a few memory neurons is a stable state: nobody is silent, nobody saturated. Rates
    in Hz, time in ms.

    Source: Kafraj, Krotov, Bicknell & Latham, A biologically plausible associative memory network,
    with I = J <nu>, and with the factor m of eq 11a in the inhibition of eq 7a.

    Attributes:
        dendrites: Synapses from E1 and I1 on the branches of E2, weights at least 0.
        feedback: Weights from E2 to E1, each that of the branch on which E1 arrives (eq 4).
        memory_inhibition: I1, driven by E1, inhibits E1 and branches.
        feature_inhibition: I2, driven by E2, inhibits E1.
        branch_transfer: G.
        memory_transfer: F; its `low` and `high` are r_min and r_max.
        time_constants: tau_E1, tau_E2, tau_I, in ms.
        connectivity: c.
        dendritic_mean: m.
        start: How a cue becomes an initial state.
    """

    dendrites: Dendrites
    feedback: Float[Array, "N1 N2"]
    memory_inhibition: InhibitoryPopulation
    feature_inhibition: InhibitoryPopulation
    branch_transfer: Transfer
    memory_transfer: Ramp
    time_constants: tuple[Scalar, Scalar, Scalar]
    start: AbstractDendriticStart
    connectivity: float = eqx.field(static=True)
    dendritic_mean: float = eqx.field(static=True)

    def __init__(
        self,
        wiring: DendriticWiring,
        *,
        branch_transfer: Transfer,
        memory_transfer: Ramp,
        time_constants: tuple[float | Scalar, ...] = (10.0, 50.0, 5.0),
        start: AbstractDendriticStart | None = None,
    ):
        """Packs `wiring`, which is not kept; on the host, so not under `jax.jit`.

        Raises:
            ValueError: On a negative weight, or time constants that are not three numbers above 0.
        """
        self.dendrites = Dendrites(*_inputs_to_branches(wiring), wiring.dendritic)
        self.feedback = wiring.back()
        self.memory_inhibition, self.feature_inhibition = populations(wiring)
        self.branch_transfer, self.memory_transfer = branch_transfer, memory_transfer
        if len(time_constants) != 3:
            requirement = "hold three numbers (E1, E2, inhibition)"
            raise argument_error("time_constants", requirement, f"{len(time_constants)}")
        of_memory, of_feature, of_inhibition = (
            positive_number("time_constants", time) for time in time_constants
        )
        self.time_constants = (of_memory, of_feature, of_inhibition)
        self.start = FeatureCue() if start is None else start
        self.connectivity, self.dendritic_mean = wiring.connectivity, wiring.dendritic_mean

    def __check_init__(self):
        for path, leaf in jax.tree_util.tree_leaves_with_path(self._weights()):
            if is_concrete(leaf) and not bool(jnp.all(leaf >= 0)):
                requirement = "hold weights of at least 0, as the equations give them their signs"
                found = f"{float(jnp.min(leaf)):.3g} in {jax.tree_util.keystr(path)}"
                raise argument_error("wiring", requirement, found)

    def _weights(self) -> Any:
        blocks = [(block.weight, block.dendritic) for block in self.dendrites.blocks]
        both = (self.memory_inhibition, self.feature_inhibition)
        return {"dendrites": blocks, "feedback": self.feedback, "inhibition": both}

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
        start: AbstractDendriticStart | None = None,
        **wiring: Any,
    ) -> "DendriticMemory":
        """A randomly wired network; the default is the size and working point of the paper.

        Args:
            num_memory: N1.
            num_feature: N2.
            num_branches: D, at most N1.
            key: Random key of the wiring.
            connectivity: c in (0, 1].
            thresholds: g_t, f_t, g_max; by default those of `THRESHOLDS` for these sizes.
            rates: r_min and r_max, in Hz.
            resting_output: g_min, in Hz, at least 0 and below g_max.
            width: Input over which a branch goes from g_min to g_max, above 0.
            time_constants: tau_E1, tau_E2, tau_I, in ms.
            start: How a cue becomes an initial state; by default `FeatureCue()`.
            **wiring: Further arguments of [`DendriticWiring.random`][].

        Raises:
            ValueError: On an argument outside its range, sizes without known thresholds, or
                a branch threshold that does not lie between the input of a resting branch and that
                of one with a memory neuron at r_max.
        """
        found = _thresholds((num_memory, num_feature, num_branches, connectivity), thresholds)
        made = DendriticWiring.random(
            num_memory, num_feature, num_branches, key=key, connectivity=connectivity, **wiring
        )
        memory = Ramp(found.memory, *rates)
        width = float(positive_number("width", width))
        slope = (found.saturation - resting_output) / width
        branch = Ramp(found.branch, resting_output, found.saturation, slope)
        _check_gap(found.branch, width, rates, connectivity * num_memory / num_branches)
        return cls(
            made,
            branch_transfer=branch,
            memory_transfer=memory,
            time_constants=time_constants,
            start=start,
        )

    @property
    def num_memory(self) -> int:
        """N1."""
        return self.feedback.shape[0]

    @property
    def num_feature(self) -> int:
        """N2."""
        return self.feedback.shape[1]

    def initial_state(self, cue: Pattern) -> DendriticState:
        """All rates for a cue, by `start`; by default it is (N2,), the rates of E2 in Hz."""
        return self.start(self, cue)

    def state_of(
        self, memory: Float[Array, " N1"], feature: Float[Array, " N2"], *, matched: bool = True
    ) -> DendriticState:
        """Given excitatory rates, with inhibition at its steady state for them, or at 0."""
        of_memory = self.memory_inhibition.settled(memory)
        of_feature = self.feature_inhibition.settled(feature)
        if not matched:
            of_memory, of_feature = jnp.zeros_like(of_memory), jnp.zeros_like(of_feature)
        return DendriticState(memory, feature, of_memory, of_feature)

    def features_of(self, members: Float[Array, " N1"] | Bool[Array, " N1"]) -> Array:
        """The features of a memory, (N2,) in Hz: its ideal cue.

        D^(-1/2) sum_d A_jd (g_max where a member arrives on branch d, else g_min), eq 15.

        Args:
            members: Which memory neurons belong to it.
        """
        transfer = self.branch_transfer
        if not isinstance(transfer, Ramp):
            found = type(transfer).__name__
            raise argument_error("branch_transfer", "be a `Ramp` to have ideal features", found)
        members = jnp.asarray(members, self.feedback.dtype)
        silent = jnp.zeros(self.memory_inhibition.within.shape[0], members.dtype)
        return self._summed(jnp.concatenate([members, silent]), _Arrived(transfer))

    def evoked_features(self, memory: Float[Array, " N1"]) -> Float[Array, " N2"]:
        """The steady state of E2, with I1 at its own, while memory neurons are held, (N2,)."""
        return self._feature_target(memory, self.memory_inhibition.settled(memory), None)

    def vector_field(
        self, t: Scalar | float, state: DendriticState, drive: DendriticDrive | None = None
    ) -> DendriticState:
        drive = DendriticDrive() if drive is None else drive
        v1, v2, i1, i2 = jax.tree.leaves(state)
        of_memory, of_feature, of_inhibition = (tau.astype(v1.dtype) for tau in self.time_constants)
        h1 = self.memory_drive(v2, i1, i2) + drive_at(drive.memory, t, v1)
        biases = _bias(drive.branches, t, v2, self.dendrites.num_branches)
        return DendriticState(
            (self.memory_transfer(h1) - v1) / of_memory,
            (self._feature_target(v1, i1, biases) - v2) / of_feature,
            (self.memory_inhibition.target(i1, v1) - i1) / of_inhibition,
            (self.feature_inhibition.target(i2, v2) - i2) / of_inhibition,
        )

    def memory_drive(
        self, feature: Float[Array, " N2"], i1: Float[Array, " M1"], i2: Float[Array, " M2"]
    ) -> Float[Array, " N1"]:
        """h1, the input to memory neurons (eqs 2a, 7a and 11a)."""
        c, n2 = self.connectivity, self.num_feature
        excited = self.feedback.astype(feature.dtype) @ feature / math.sqrt(c * n2)
        by_i1 = self.memory_inhibition.inhibition(i1, math.sqrt(n2))
        by_i2 = self.feature_inhibition.inhibition(i2, math.sqrt(n2) * self.dendritic_mean)
        return excited - by_i2 - by_i1

    def _feature_target(self, v1: Array, i1: Array, biases: Array | None) -> Array:
        """D^(-1/2) sum_d A G(h_d), with h_d from eqs 2b and 7c."""
        per_branch, c = self.dendrites.num_branches, self.connectivity
        of_memory = math.sqrt(per_branch / (c * v1.shape[0]))
        of_inhibition = math.sqrt(per_branch * v1.shape[0] / c) / i1.shape[0]
        inputs = jnp.concatenate([of_memory * v1, -of_inhibition * i1])
        return self._summed(inputs, self.branch_transfer, biases)

    def _summed(self, inputs: Array, transfer: Transfer, biases: Array | None = None) -> Array:
        total = self.dendrites.sum_branches(inputs, transfer, biases)
        return total / math.sqrt(self.dendrites.num_branches)

    def readout(self, state: DendriticState) -> Pattern:
        """The rates of memory neurons, (N1,) in Hz."""
        return state.memory

    def time_scales(self) -> DendriticState:
        of_memory, of_feature, of_inhibition = self.time_constants
        return DendriticState(of_memory, of_feature, of_inhibition, of_inhibition)


class _Arrived(eqx.Module):
    """g_max for a branch at which something arrives, otherwise g_min."""

    transfer: Ramp

    def __call__(self, z: Float[Array, "..."]) -> Float[Array, "..."]:
        low, high = self.transfer.low.astype(z.dtype), self.transfer.high.astype(z.dtype)
        return jnp.where(z > 0, high, low)


def _inputs_to_branches(wiring: DendriticWiring) -> tuple[np.ndarray, np.ndarray]:
    """Branch (-1 for none) and weight of every synapse from E1, then from I1."""
    pairs = (
        (wiring.branch, wiring.forward),
        (wiring.inhibitory_branch, wiring.inhibitory_forward),
    )
    branch = [np.where(mask, np.asarray(label, np.int32), -1) for label, mask in pairs]
    weight = [np.asarray(wiring.weight), np.asarray(wiring.inhibitory_weight)]
    return np.concatenate(branch, axis=1), np.concatenate(weight, axis=1)


def _bias(signal: Signal, t: Scalar | float, features: Array, num_branches: int) -> Array | None:
    """The drive of branches at time t: (N2,), or (N2, D)."""
    if signal is None:
        return None
    value = jnp.asarray(signal(t) if callable(signal) else signal, features.dtype)
    shape = features.shape if value.ndim < 2 else (*features.shape, num_branches)
    return jnp.broadcast_to(value, shape)


def _thresholds(
    sizes: tuple[int, int, int, float],
    thresholds: Thresholds | tuple[float, float, float] | None,
) -> Thresholds:
    if thresholds is not None:
        return Thresholds(*thresholds)
    if sizes not in THRESHOLDS:
        requirement = "be given for sizes of which none are known"
        raise argument_error("thresholds", requirement, f"None for N1, N2, D, c = {sizes}")
    return THRESHOLDS[sizes]


def _check_gap(threshold: float, width: float, rates: tuple[float, float], load: float) -> None:
    """Whether one active memory neuron can tell an active branch from one at rest."""
    most = (rates[1] - rates[0]) / math.sqrt(load)
    if not 0 < threshold < threshold + width < most:
        requirement = f"have g_t above 0 (a branch at rest) and g_t + {width:g} below {most:.3g} "
        requirement += "(a branch with one neuron at r_max)"
        raise argument_error("thresholds", requirement, f"g_t = {threshold:.3g}")
