"""Dense associative memories: continuous in time, and their discrete limit."""

import itertools
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Int

from nam_jax._misc import argument_error, axes_of
from nam_jax._types import Pattern, Patterns, Scalar
from nam_jax.memory import (
    AbstractPatternStore,
    AbstractSeparation,
    Power,
    check_patterns,
)
from nam_jax.network._base import AbstractDiscreteNetwork
from nam_jax.network._drive import as_cue


class Overlaps(NamedTuple):
    """Overlaps Xi sigma, what fields are made of at them, and each neuron's bits in all patterns.

    A field is bits[i] . weight - sigma_i own.
    """

    values: Float[Array, " K"]
    weight: Float[Array, " K"]
    own: Scalar
    bits: Float[Array, "N K"]


class DenseAssociativeMemory(AbstractDiscreteNetwork, AbstractPatternStore):
    """The discrete dense memory: E = -sum_mu F(xi^mu . sigma) over states -1 and +1.

    By default a neuron takes the sign of the energy difference between its two states, all of them
    in O(K N):

        h = Xi^T G(S) - sigma * sum_mu H(S_mu),   S = Xi sigma,
        G = [F(S + 2) - F(S - 2)] / 2,   H = [F(S + 2) - 2 F(S) + F(S - 2)] / 2.

    Fields are known up to a positive factor, which depends on the state and keeps steep F from
    overflow. A bit that is not yet known, 0, takes Xi^T G, the difference over twice its step.
    With `single_pass` a neuron takes instead the sign of the pull of F' at the overlaps without it,

        h_i = sum_mu xi_i F'(S_mu - xi_i sigma_i),

    which is the same for n = 2 and exponentials, and for n = 3 and 4 in all but one bit in a
    thousand; a bit of 0 takes the mean of F' at S + 1 and S - 1 for it. With `self_coupling` it is
    the literal single pass h = Xi^T F'(S), the limit of [`ContinuousDenseMemory`][] at beta ->
    infinity and dt = tau, which for even n > 2 couples each neuron to itself so strongly that it
    corrects errors only up to K ~ N^(n/2). Source: Krotov & Hopfield, arXiv 1606.01164; eq 17 of
    Kozachkov, Slotine & Krotov, which lacks the sign.

    Attributes:
        patterns: Xi, (K, N), -1 and +1.
        separation: F.
        single_pass: Whether fields are made of F' and not of energy differences.
        self_coupling: Whether the field includes a neuron's own state; always a single pass.
    """

    patterns: Patterns
    separation: AbstractSeparation
    single_pass: bool = eqx.field(static=True)
    self_coupling: bool = eqx.field(static=True)

    def __init__(
        self,
        patterns: ArrayLike,
        separation: AbstractSeparation | None = None,
        *,
        single_pass: bool = False,
        self_coupling: bool = False,
    ):
        """Stores `patterns`; by default F = z^4 / 4.

        Raises:
            ValueError: On an empty or wrongly shaped array, entries other than -1 and +1, or a
                separation function made for another N.
        """
        self.patterns = check_patterns(patterns, binary=True)
        self.separation = Power(4) if separation is None else separation
        size = self.patterns.shape[1]
        made_for = getattr(self.separation, "num_neurons", size)
        if made_for != size:
            raise argument_error("separation", f"be made for {size} neurons", made_for)
        self.single_pass = single_pass or self_coupling
        self.self_coupling = self_coupling

    def stored(self) -> tuple[Patterns, None]:
        return self.patterns, None

    def check_rows(self, patterns: Patterns) -> None:
        check_patterns(patterns, binary=True)

    def with_rows(self, patterns: Patterns, answers: Patterns | None) -> "DenseAssociativeMemory":
        return eqx.tree_at(lambda net: net.patterns, self, patterns)

    @property
    def dtype(self) -> np.dtype:
        return self.patterns.dtype

    @property
    def has_energy(self) -> bool:
        return True

    def initial_state(self, cue: ArrayLike) -> Pattern:
        """The signs of `cue`; an entry of 0 (a bit that is not known) stays 0 at first."""
        return jnp.sign(as_cue(cue, self.patterns.shape[1], self.dtype))

    def local_field(self, state: Pattern) -> Pattern:
        weight, own = self._weights(self._overlaps(state))
        return weight @ self.patterns - state * own.sum()

    def carry(self, state: Pattern) -> Overlaps:
        """The overlaps: whole numbers, and so without rounding, one flip after another."""
        # The barrier makes a copy of the transpose, in which the bits of a neuron lie together.
        bits = jax.lax.optimization_barrier(self.patterns.T)
        overlaps = self._overlaps(state)
        return Overlaps(overlaps, *self._summed_weights(overlaps), bits)

    def field_of(self, carry: Overlaps, state: Pattern, i: int | Int[Array, ""]) -> Scalar:
        return jnp.vdot(carry.bits[i], carry.weight) - state[i] * carry.own

    def fields_in(self, carry: Overlaps) -> None:
        return None

    def flipped(
        self, carry: Overlaps, state: Pattern, i: int | Int[Array, ""], change: Scalar
    ) -> Overlaps:
        def moved() -> tuple[Array, Array, Array]:
            overlaps = carry.values + carry.bits[i] * change
            return overlaps, *self._summed_weights(overlaps)

        # Most neurons that are looked at do not change; a batch computes both and chooses.
        parts = jax.lax.cond(change == 0, lambda: carry[:3], moved)
        return Overlaps(parts[0], parts[1], parts[2], carry.bits)

    def partial_fields(self, state: Pattern, counts: tuple[int, ...]) -> Float[Array, "counts N"]:
        """All of them cost what the fields for the largest number of patterns do."""
        ends = (0, *counts)
        if any(a >= b for a, b in itertools.pairwise(ends)) or ends[-1] > self.patterns.shape[0]:
            requirement = f"ascend from at least 1 to at most {self.patterns.shape[0]}"
            raise argument_error("counts", requirement, counts)
        xi = self.patterns
        weight, own = self._weights(self._overlaps(state))
        parts = [
            weight[a:b] @ xi[a:b] - state * jnp.sum(own[a:b]) for a, b in itertools.pairwise(ends)
        ]
        return jnp.cumsum(jnp.stack(parts), axis=0)

    def _overlaps(self, state: Pattern) -> Float[Array, " K"]:
        return self.patterns @ state

    def _weights(
        self, overlaps: Float[Array, " K"]
    ) -> tuple[Float[Array, " K"], Float[Array, " K"]]:
        """G and H, with which a field is xi_i . G - sigma_i sum H; H is 0 with self-coupling.

        In a single pass without it they are half the sum and half the difference of F' at S + 1 and
        S - 1, where the overlap without a neuron lies.
        """
        whole = float(self.patterns.shape[1])
        if self.self_coupling:
            return self.separation.scaled_slope(overlaps, whole), jnp.zeros_like(overlaps)
        if not self.single_pass:
            return self.separation.differences(overlaps, whole)
        both = jnp.concatenate([overlaps + 1, overlaps - 1])  # at once: their factor is the same
        above, below = jnp.split(self.separation.scaled_slope(both, whole + 1), 2)
        return (above + below) / 2, (above - below) / 2

    def _summed_weights(self, overlaps: Float[Array, " K"]) -> tuple[Float[Array, " K"], Scalar]:
        """G and the sum of H, by a product, which is faster than a sum on a CPU."""
        weight, own = self._weights(overlaps)
        return weight, jnp.vdot(jnp.ones_like(own), own)

    def energy(self, state: Pattern, drive: Any = None, t: Scalar | float = 0.0) -> Scalar:
        """E in units of F(N), so that a lone pattern has -1: no power of N overflows."""
        self.as_drive(drive)
        return -self.separation.relative(self._overlaps(state), float(self.patterns.shape[1]))

    def row_axes(self) -> tuple[Any, int]:
        return axes_of(self, lambda n: n.patterns, 1), 0

    def readout(self, state: Pattern) -> Pattern:
        return state
