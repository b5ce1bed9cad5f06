"""The dense associative memory with binary neurons, which are updated in discrete steps."""

import itertools
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Int

from nam_jax._misc import argument_error, axes_of
from nam_jax._types import AnyPattern, Pattern, Patterns, Scalar
from nam_jax.memory import (
    AbstractPatternStore,
    AbstractSeparation,
    Power,
    check_patterns,
    rows_of,
)
from nam_jax.network._base import AbstractDiscreteNetwork
from nam_jax.network._drive import as_cue


class Overlaps(NamedTuple):
    """The overlaps of a state sigma with all patterns, and the parts of fields made of them.

    The field of neuron i is bits[i] . weight - sigma_i own_weight.

    Attributes:
        values: S = Xi sigma, (K,).
        weight: G(S), (K,).
        own_weight: sum_mu H(S_mu).
        bits: Xi^T, (N, K): the bits of each neuron in all patterns.
    """

    values: Float[Array, " K"]
    weight: Float[Array, " K"]
    own_weight: Scalar
    bits: Float[Array, "N K"]


class DenseAssociativeMemory(AbstractDiscreteNetwork, AbstractPatternStore):
    """The discrete dense memory: E = -sum_mu F(xi^mu . sigma) over states sigma of -1 and +1.

    A neuron takes the sign of its field h_i, which has one of three forms:

    1. By default it is the energy difference between the two states of the neuron. All fields
       together cost O(K N):

           h = Xi^T G(S) - sigma * sum_mu H(S_mu),   S = Xi sigma,
           G = [F(S + 2) - F(S - 2)] / 2,   H = [F(S + 2) - 2 F(S) + F(S - 2)] / 2.

       For a bit that is not yet known (0) this is Xi^T G. There G takes differences over S - 2 to
       S + 2, twice the step from S - 1 to S + 1 of this bit.
    2. With `single_pass` the field is made of F' at the overlaps without the neuron:

           h_i = sum_mu xi_i F'(S_mu - xi_i sigma_i).

       For a bit of 0, F' is replaced by its mean at S + 1 and S - 1. These fields have the signs of
       the default for n = 2 and exponentials; for n = 3 and 4 one bit in a thousand differs.
    3. With `self_coupling` the field is h = Xi^T F'(S), the literal single pass. It is the limit of
       `ContinuousDenseMemory` at beta -> infinity and dt = tau. For even n > 2 each neuron is
       coupled to itself so strongly that errors are corrected only up to K ~ N^(n/2).

    Fields are computed up to a positive factor, which depends on the state and keeps steep F from
    overflow. Source: Krotov & Hopfield, arXiv 1606.01164; eq 17 of Kozachkov, Slotine & Krotov,
    which lacks the sign.

    Attributes:
        patterns: Xi, (K, N), -1 and +1.
        separation: F, the separation function.
        single_pass: Whether fields are made of F' and not of energy differences.
        self_coupling: Whether the field includes the neuron's own state; implies `single_pass`.
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
        """Stores `patterns`.

        Args:
            patterns: Xi, (K, N), -1 and +1.
            separation: F; by default z^4 / 4.
            single_pass: Whether fields are made of F' and not of energy differences.
            self_coupling: Whether the field includes the neuron's own state; implies
                `single_pass`.

        Raises:
            ValueError: If `patterns` is empty or not (K, N), has entries other than -1 and +1, or
                if `separation` is made for another N.
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
        """Returns the signs of `cue`; an entry of 0, a bit that is not known, stays 0."""
        return jnp.sign(as_cue(cue, self.patterns.shape[1], self.dtype))

    def local_field(self, state: AnyPattern) -> Pattern:
        state = self.as_state(state)
        weight, own_weight = self._weights(self._overlaps(state))
        return weight @ self.patterns - state * own_weight.sum()

    def carry(self, state: AnyPattern) -> Overlaps:
        """Returns the overlaps of `state` and the parts of its fields."""
        # Overlaps are whole numbers, so that updates one by one add no rounding errors. Example:
        # patterns (+, +, +) and (+, -, +), state (+, +, -): overlaps (1, -1). If neuron 2 flips
        # to +1, its change of +2 times its bits (+, +) moves the overlaps to (3, 1).
        # The barrier makes a copy of the transpose, in which the bits of a neuron lie together.
        bits = jax.lax.optimization_barrier(self.patterns.T)
        overlaps = self._overlaps(state)
        return Overlaps(overlaps, *self._summed_weights(overlaps), bits)

    def field_of(self, carry: Overlaps, state: Pattern, i: int | Int[Array, ""]) -> Scalar:
        return jnp.vdot(carry.bits[i], carry.weight) - state[i] * carry.own_weight

    def fields_in(self, carry: Overlaps) -> None:
        return None

    def flipped(
        self, carry: Overlaps, state: Pattern, i: int | Int[Array, ""], change: Scalar
    ) -> Overlaps:
        def changed() -> tuple[Array, Array, Array]:
            overlaps = carry.values + carry.bits[i] * change
            return overlaps, *self._summed_weights(overlaps)

        # Most visited neurons do not change, and then nothing is computed. In a batch both
        # branches are computed.
        parts = jax.lax.cond(change == 0, lambda: carry[:3], changed)
        return Overlaps(parts[0], parts[1], parts[2], carry.bits)

    def partial_fields(
        self, state: AnyPattern, counts: tuple[int, ...]
    ) -> Float[Array, "counts N"]:
        """Returns the fields for all counts, at about the cost of one call of `local_field`."""
        ends = (0, *counts)
        if any(a >= b for a, b in itertools.pairwise(ends)) or ends[-1] > self.patterns.shape[0]:
            requirement = f"ascend from at least 1 to at most {self.patterns.shape[0]}"
            raise argument_error("counts", requirement, counts)
        xi, state = self.patterns, self.as_state(state)
        weight, own_weight = self._weights(self._overlaps(state))
        parts = [
            weight[a:b] @ xi[a:b] - state * jnp.sum(own_weight[a:b])
            for a, b in itertools.pairwise(ends)
        ]
        return jnp.cumsum(jnp.stack(parts), axis=0)

    def _overlaps(self, state: AnyPattern) -> Float[Array, " K"]:
        """Returns S = Xi sigma."""
        return self.patterns @ self.as_state(state)

    def _weights(
        self, overlaps: Float[Array, " K"]
    ) -> tuple[Float[Array, " K"], Float[Array, " K"]]:
        """Returns G and H, (K,) each, of which the field is h_i = xi_i . G - sigma_i sum H.

        In a single pass G and H are half the sum and half the difference of F' at S + 1 and at
        S - 1; the overlap without neuron i is S - xi_i sigma_i, one of the two. With self-coupling
        G is F'(S), and H is 0.
        """
        # Example: one pattern (+, +, +), state (+, +, -), F = z^4 / 4. S = 1, and
        # G = [F(3) - F(-1)] / 2 = 10, H = [F(3) - 2 F(1) + F(-1)] / 2 = 10. Neuron 2, which is
        # wrong, has the field 10 + 10 = F(3) - F(1) = 20. Neuron 0 has 10 - 10 = F(1) - F(-1) = 0,
        # a tie. In a single pass G = [F'(2) + F'(0)] / 2 = 4 and H = 4 give 8 = F'(2) and 0.
        full_overlap = float(self.patterns.shape[1])
        if self.self_coupling:
            return self.separation.scaled_slope(overlaps, full_overlap), jnp.zeros_like(overlaps)
        if not self.single_pass:
            return self.separation.differences(overlaps, full_overlap)
        # Both are computed in one call, since the positive factor depends on the overlaps.
        shifted = jnp.concatenate([overlaps + 1, overlaps - 1])
        above, below = jnp.split(self.separation.scaled_slope(shifted, full_overlap + 1), 2)
        return (above + below) / 2, (above - below) / 2

    def _summed_weights(self, overlaps: Float[Array, " K"]) -> tuple[Float[Array, " K"], Scalar]:
        """Returns G and sum H; a product with ones is faster than a sum on a CPU."""
        weight, own_weight = self._weights(overlaps)
        return weight, jnp.vdot(jnp.ones_like(own_weight), own_weight)

    def energy(self, state: AnyPattern, drive: Any = None, t: Scalar | float = 0.0) -> Scalar:
        """Returns E in units of F(N), where F is the separation function.

        It is -1 if a single pattern is stored and the state equals it, and rises and falls with E:

        * E / F(N) for powers. The division keeps large powers of N from overflow.
        * -log(-E) / log(F(N)) = -log(sum_mu exp(beta S_mu)) / (beta N) for `Exponential`, with the
          overlaps S. In float32 E would be infinite at beta S = 89, and E / F(N) would be 0 for
          overlaps that are 88 / beta below N.
        * E itself, -log(sum_mu exp(beta S_mu)) / beta, for `LogSumExp`; for a single pattern -N.
        """
        self.as_drive(drive)
        return -self.separation.relative(self._overlaps(state), float(self.patterns.shape[1]))

    def stored_rows(self) -> Patterns | None:
        return rows_of(self)

    def row_axes(self) -> tuple[Any, int]:
        return axes_of(self, lambda n: n.patterns, 1), 0

    def readout(self, state: AnyPattern) -> Pattern:
        return self.as_state(state)
