"""The two-layer dense memory: feature neurons, and one hidden neuron for each pattern."""

from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from nam_jax._misc import argument_error, axes_of, positive_number
from nam_jax._types import Pattern, Patterns, Scalar
from nam_jax.lagrangian import (
    AbstractLagrangian,
    LogCosh,
    LogSumExp,
    Quadratic,
    RectifiedPower,
    Spherical,
)
from nam_jax.memory import AbstractPatternStore, check_patterns, check_signs, rows_of
from nam_jax.network._base import AbstractContinuousNetwork
from nam_jax.network._drive import Drive, as_cue, drive_at, neural_only
from nam_jax.network._layer import Layer


class TwoLayerState(eqx.Module):
    """The state of both layers.

    Attributes:
        features: v, (N,).
        hidden: h, (K,).
    """

    features: Pattern | Scalar
    hidden: Float[Array, " K"] | Scalar


class TwoLayerTerms(NamedTuple):
    """The terms of the energy: features, hidden neurons, their interaction, and the inputs.

    The term of the inputs is 0 without a drive.
    """

    features: Scalar
    hidden: Scalar
    interaction: Scalar
    inputs: Scalar


class TwoLayerMemory(AbstractContinuousNetwork, AbstractPatternStore):
    """N feature neurons v and K hidden neurons h, coupled by synapses Xi, whose rows are patterns.

        tau_f dv/dt = Xi^T f(h) - v + b       tau_h dh/dt = Xi g(v) - h
        E = [v.g - L_v] + [h.f - L_h] - f.Xi g - b.g,   g = dL_v/dv,  f = dL_h/dh

    b is the drive of the features, 0 by default. If the hidden layer is at its equilibrium, the
    features are a dense memory with F = L_h: see [`nam_jax.network.ContinuousDenseMemory`][]. The
    N + K neurons store at most K patterns.

    Source: Krotov & Hopfield, arXiv 2008.06996, eqs 1-3. The class methods `model_a`, `model_b` and
    `model_c` make the paper's models A, B and C.

    Attributes:
        patterns: Xi, (K, N), the synapses from features to hidden neurons; Xi^T leads back.
        features: L_v, Lagrangian of the features; its activation g is their firing, (N,).
        hidden: L_h, Lagrangian of the hidden neurons; its activation f is their firing, (K,).
        time_constants: tau_f, tau_h, above 0, in the user's unit of time.
        voltage: v of a feature whose cue entry is 1, when recall starts.
    """

    patterns: Patterns
    features: AbstractLagrangian
    hidden: AbstractLagrangian
    time_constants: tuple[Scalar, Scalar]
    voltage: float

    def __init__(
        self,
        patterns: ArrayLike,
        *,
        features: AbstractLagrangian,
        hidden: AbstractLagrangian,
        time_constants: tuple[float | Scalar, ...] = (1.0, 0.1),
        voltage: float = 1.0,
    ):
        """Stores `patterns`.

        Args:
            patterns: Xi, (K, N).
            features: L_v.
            hidden: L_h.
            time_constants: tau_f and tau_h, above 0; by default hidden neurons are ten times faster
                than features.
            voltage: v of a feature whose cue entry is 1, when recall starts.

        Raises:
            ValueError: If `patterns` are not (K, N) finite numbers, or hold 0 and 1 although
                features fire tanh, which lies between -1 and 1, or `time_constants` are not two
                numbers above 0.
        """
        if isinstance(features, LogCosh):
            check_signs(patterns)
        self.patterns = check_patterns(patterns)
        self.features, self.hidden = features, hidden
        if len(time_constants) != 2:
            requirement = "hold two numbers (features, hidden)"
            raise argument_error("time_constants", requirement, f"{len(time_constants)}")
        tau_f, tau_h = (positive_number("time_constants", t) for t in time_constants)
        self.time_constants = (tau_f, tau_h)
        self.voltage = voltage

    @classmethod
    def model_a(
        cls, patterns: ArrayLike, *, n: int = 4, beta: float | Scalar = 1.0, **arguments: Any
    ) -> "TwoLayerMemory":
        """Returns model A, a dense memory of power n.

        Features v fire g = tanh(beta v), and hidden neurons h fire f = max(h, 0)^(n-1). In the
        paper g = sign(v), the limit of large beta.

        Args:
            patterns: Xi, (K, N).
            n: Power, a whole number of at least 2.
            beta: Steepness of the features, above 0.
            **arguments: `time_constants` and `voltage`, as for the class.

        Raises:
            ValueError: If `n` or `beta` is out of range, or as the class.
        """
        return cls(patterns, features=LogCosh(beta), hidden=RectifiedPower(n), **arguments)

    @classmethod
    def model_b(
        cls, patterns: ArrayLike, *, beta: float | Scalar = 1.0, **arguments: Any
    ) -> "TwoLayerMemory":
        """Returns model B, the modern Hopfield network.

        Features v fire g = v, and hidden neurons h fire f = softmax(beta h).

        Args:
            patterns: Xi, (K, N).
            beta: Steepness of the softmax, above 0.
            **arguments: `time_constants` and `voltage`, as for the class.

        Raises:
            ValueError: If `beta` is not above 0, or as the class.
        """
        return cls(patterns, features=Quadratic(), hidden=LogSumExp(beta), **arguments)

    @classmethod
    def model_c(
        cls, patterns: ArrayLike, *, n: int = 4, epsilon: float = 1e-5, **arguments: Any
    ) -> "TwoLayerMemory":
        """Returns model C, the spherical memory.

        Features v fire g = v / |v|, and hidden neurons h fire f = max(h, 0)^(n-1).

        Args:
            patterns: Xi, (K, N).
            n: Power, a whole number of at least 2.
            epsilon: Added to |v|^2 under the root, so that g is smooth at v = 0; above 0. In the
                paper it is 0.
            **arguments: `time_constants` and `voltage`, as for the class.

        Raises:
            ValueError: If `n` or `epsilon` is out of range, or as the class.
        """
        return cls(patterns, features=Spherical(epsilon), hidden=RectifiedPower(n), **arguments)

    def stored(self) -> tuple[Patterns, None]:
        return self.patterns, None

    def check_rows(self, patterns: Patterns) -> None:
        if isinstance(self.features, LogCosh):
            check_signs(patterns)
        check_patterns(patterns)

    def with_rows(self, patterns: Patterns, answers: Patterns | None) -> "TwoLayerMemory":
        return eqx.tree_at(lambda net: net.patterns, self, patterns)

    @property
    def dtype(self) -> np.dtype:
        return self.patterns.dtype

    @property
    def drive_type(self) -> type[Drive]:
        """`Drive`; only its neural part may be given, and it drives the features."""
        return Drive

    def initial_state(self, cue: ArrayLike) -> TwoLayerState:
        """Returns v = `voltage` times the cue, and h = Xi g(v), the equilibrium for this v."""
        v = self.voltage * as_cue(cue, self.patterns.shape[1], self.dtype)
        return TwoLayerState(v, self.patterns @ self.features.activation(v))

    def vector_field(
        self, t: Scalar | float, state: TwoLayerState, drive: Any = None
    ) -> TwoLayerState:
        state = self.as_state(state)
        v, h, xi = state.features, state.hidden, self.patterns
        tau_f, tau_h = (tau.astype(v.dtype) for tau in self.time_constants)
        inputs = drive_at(neural_only(self.as_drive(drive)), t, v)
        return TwoLayerState(
            (xi.T @ self.hidden.activation(h) - v + inputs) / tau_f,
            (xi @ self.features.activation(v) - h) / tau_h,
        )

    def energy_terms(
        self, state: TwoLayerState, drive: Any = None, t: Scalar | float = 0.0
    ) -> TwoLayerTerms:
        state = self.as_state(state)
        v, h = state.features, state.hidden
        g, f = self.features.activation(v), self.hidden.activation(h)
        return TwoLayerTerms(
            self.features.energy(v),
            self.hidden.energy(h),
            -jnp.vdot(f, self.patterns @ g),
            -jnp.vdot(drive_at(neural_only(self.as_drive(drive)), t, v), g),
        )

    def visible(self, state: Any) -> Any:
        return state.features

    def layers(self) -> tuple[Layer, ...]:
        """Returns the layers of features and of hidden neurons, both with a leak of 1."""
        one = jnp.ones_like(self.time_constants[0])
        tau_f, tau_h = self.time_constants
        return (Layer(self.features, one, tau_f), Layer(self.hidden, one, tau_h))

    @property
    def can_be_silent(self) -> bool:
        return True

    def stored_rows(self) -> Patterns | None:
        return rows_of(self)

    def row_axes(self) -> tuple[Any, TwoLayerState]:
        axes = axes_of(self, lambda n: n.patterns, 1)
        return axes, axes_of(self.time_scales(), lambda s: s.features, 0)

    def readout(self, state: TwoLayerState) -> Pattern:
        return self.features.activation(self.as_state(state).features)

    def time_scales(self) -> TwoLayerState:
        return TwoLayerState(*self.time_constants)
