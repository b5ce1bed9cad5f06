"""The general biophysical network: it allows any functions and so has no energy."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import ArrayLike

from nam_jax._misc import argument_error, axes_of
from nam_jax._types import Pairs, Pattern, Patterns, Scalar
from nam_jax.memory import AbstractProcessTensor, rows_of
from nam_jax.network._base import AbstractContinuousNetwork
from nam_jax.network._drive import Drive, as_cue, driven
from nam_jax.network.astrocyte._start import AbstractStart, Cold
from nam_jax.network.astrocyte._state import (
    PerLayer,
    TripartiteState,
    dtype_of,
    per_layer,
    relaxation_times,
)


class TripartiteNetwork(AbstractContinuousNetwork):
    """Neurons, synapses and astrocyte processes with functions of the user's choice.

        tau_n dx_i/dt  = -lambda x_i + sum_j g(s_ij) phi(x_j) + b_i
        tau_s ds_ij/dt = -alpha s_ij + f(x_i, x_j, p_ij) + c_ij
        tau_p dp_ij/dt = -gamma p_ij + sum_kl T_ijkl psi(p_kl) + kappa(s_ij) + d_ij

    Source: Kozachkov, Slotine & Krotov, arXiv 2311.08135, eqs 1-3. It has the flow of
    `NeuronAstrocyte` when f = phi(x_i) phi(x_j) + psi(p_ij) and kappa = g.

    Attributes:
        tensor: T.
        phi: Firing rate of a voltage, elementwise.
        g: Synaptic weight of a facilitation, elementwise.
        f: Change of facilitation by (x_i, x_j, p_ij), elementwise; called with arrays of shapes
            (N, 1), (1, N) and (N, N), which broadcast.
        psi: Calcium signal of a process, elementwise.
        kappa: Change of calcium by facilitation, elementwise.
        leaks: lambda, alpha, gamma, at least 0.
        time_constants: tau_n, tau_s, tau_p, above 0.
        start: How a cue becomes an initial state; it must need no Lagrangians.

    Raises:
        ValueError: On a negative leak, a time constant that is not above 0, or a start that needs
            Lagrangians.
    """

    tensor: AbstractProcessTensor
    phi: Callable[[Pattern], Pattern]
    g: Callable[[Pairs], Pairs]
    f: Callable[..., Pairs]
    psi: Callable[[Pairs], Pairs]
    kappa: Callable[[Pairs], Pairs]
    leaks: PerLayer = eqx.field(
        default=(1.0, 1.0, 1.0), converter=lambda v: per_layer("leaks", v, zero_allowed=True)
    )
    time_constants: PerLayer = eqx.field(
        default=(1.0, 1.0, 1.0),
        converter=lambda v: per_layer("time_constants", v, zero_allowed=False),
    )
    start: AbstractStart = Cold()

    def __check_init__(self):
        if self.start.needs_lagrangians:
            requirement = "need no Lagrangians, as the functions of this network have none"
            raise argument_error("start", requirement, f"the type {type(self.start).__name__}")

    @property
    def dtype(self) -> np.dtype:
        return dtype_of(self.tensor)

    @property
    def drive_type(self) -> type[Drive]:
        return Drive

    def initial_state(self, cue: ArrayLike) -> TripartiteState:
        return self.start(self, as_cue(cue, self.tensor.num_neurons, self.dtype))

    def vector_field(
        self, t: Scalar | float, state: TripartiteState, drive: Any = None
    ) -> TripartiteState:
        inputs, state = self.as_drive(drive), self.as_state(state)
        x, s, p = state.neurons, state.synapses, state.processes
        leak = PerLayer(*(number.astype(x.dtype) for number in self.leaks))
        tau = PerLayer(*(number.astype(x.dtype) for number in self.time_constants))
        force_x = -leak.neural * x + self.g(s) @ self.phi(x)
        force_s = -leak.synaptic * s + self.f(x[:, None], x[None, :], p)
        force_p = -leak.process * p + self.tensor(self.psi(p)) + self.kappa(s)
        return TripartiteState(
            driven(force_x, inputs.neural, t) / tau.neural,
            driven(force_s, inputs.synaptic, t) / tau.synaptic,
            driven(force_p, inputs.process, t) / tau.process,
        )

    def energy_terms(
        self, state: TripartiteState, drive: Any = None, t: Scalar | float = 0.0
    ) -> None:
        return None

    def layers(self) -> None:
        return None

    def visible(self, state: Any) -> Any:
        return state.neurons

    @property
    def can_be_silent(self) -> bool:
        return True

    def stored_rows(self) -> Patterns | None:
        return rows_of(self.tensor)

    def row_axes(self) -> tuple[Any, TripartiteState]:
        axes = axes_of(self, lambda n: n.tensor, self.tensor.row_axes())
        return axes, jax.tree.map(lambda _: 0, self.time_scales())

    def readout(self, state: TripartiteState) -> Pattern:
        return self.phi(self.as_state(state).neurons)

    def time_scales(self) -> TripartiteState:
        return relaxation_times(self.time_constants, self.leaks, self.dtype)

    def decay_rates(self) -> TripartiteState:
        pairs = zip(self.leaks, self.time_constants, strict=True)
        rates = [leak.astype(self.dtype) / tau.astype(self.dtype) for leak, tau in pairs]
        return TripartiteState(*rates)
