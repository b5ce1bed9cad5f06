"""The Hopfield network: binary neurons, and one weight for each pair of neurons."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Int

from nam_jax._misc import (
    argument_error,
    as_float,
    axes_of,
    check_finite,
    is_concrete,
    zero_diagonal,
)
from nam_jax._types import AnyPattern, Key, Pairs, Pattern, Patterns, Scalar
from nam_jax.memory import (
    AbstractLearningRule,
    ActivityProduct,
    check_bits,
    learn,
    learn_another,
    rows_like,
)
from nam_jax.network._base import AbstractDiscreteNetwork
from nam_jax.network._drive import as_cue


class Fields(NamedTuple):
    """The local fields of all neurons, their round-off, and W^T.

    Attributes:
        values: Fields as they were summed, with round-off, (N,).
        rounding: Bound of the round-off of each field, (N,).
        outgoing: W^T, (N, N), in which the weights from one neuron lie together in memory.
    """

    values: Pattern
    rounding: Pattern
    outgoing: Pairs


class Hopfield(AbstractDiscreteNetwork):
    """Binary neurons s with pairwise weights and thresholds.

        h = W s - theta,   E = -s . W s / 2 + theta . s

    If W is symmetric with a diagonal of at least 0, updates one by one never raise E; updates of
    all neurons at once may end in a cycle of two states. With asymmetric weights, such as those of
    [`nam_jax.memory.Perceptron`][], patterns can still be fixed points, but E need not fall. A
    field that is not above the round-off of its sum counts as 0. Exact ties therefore stay ties,
    although weights such as K / N are rounded. Source: Hopfield 1982, PNAS 79, 2554.

    Attributes:
        weights: W, (N, N), w_ij from neuron j to neuron i; its diagonal is 0 unless
            `self_coupling`.
        threshold: theta, (N,).
        self_coupling: Whether neurons are coupled to themselves, by the diagonal of the weights.
    """

    weights: Pairs
    threshold: Pattern
    self_coupling: bool = eqx.field(static=True)

    def __init__(
        self, weights: ArrayLike, *, threshold: ArrayLike = 0.0, self_coupling: bool = False
    ):
        """Makes a network with the given weights.

        Args:
            weights: W, (N, N) with N >= 2.
            threshold: theta: one number, or (N,) numbers.
            self_coupling: Whether to keep the diagonal of `weights`; if not, it is set to 0.

        Raises:
            ValueError: If `weights` or `threshold` has another shape or is not finite.
        """
        matrix, bias = as_float(weights), as_float(threshold)
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.shape[0] < 2:
            requirement = "have shape (N, N) with N >= 2 neurons"
            raise argument_error("weights", requirement, f"shape {matrix.shape}")
        if bias.shape not in {(), matrix.shape[:1]}:
            requirement = f"be one number or have shape {matrix.shape[:1]}"
            raise argument_error("threshold", requirement, f"shape {bias.shape}")
        check_finite("weights", matrix)
        check_finite("threshold", bias)
        self.weights = matrix if self_coupling else zero_diagonal(matrix)
        self.threshold = jnp.broadcast_to(bias.astype(matrix.dtype), matrix.shape[:1])
        self.self_coupling = self_coupling

    @classmethod
    def from_patterns(
        cls,
        patterns: ArrayLike,
        rule: AbstractLearningRule | None = None,
        *,
        passes: int | None = None,
        key: Key | None = None,
        threshold: ArrayLike = 0.0,
        self_coupling: bool = False,
    ) -> "Hopfield":
        """Returns a network that stores `patterns` by a learning rule.

        Args:
            patterns: Xi, (K, N), -1 and +1, the states of neurons; or 0 and 1 for a rule that takes
                them, such as [`nam_jax.memory.Covariance`][]. A 0 among them stands for an entry
                that is not known. Of graded numbers give the signs, `jnp.sign(patterns)`, or store
                them in a [`nam_jax.network.ModernHopfield`][] network.
            rule: The learning rule; by default the activity product, W = Xi^T Xi / N.
            passes: As for [`nam_jax.memory.learn`][].
            key: As for [`nam_jax.memory.learn`][].
            threshold: As for the class.
            self_coupling: As for the class.

        Raises:
            ValueError: If `patterns` hold other numbers, or as [`nam_jax.memory.learn`][] and the
                class.
        """
        rule = ActivityProduct() if rule is None else rule
        _check_bits_or_signs(patterns)
        weights = learn(rule, patterns, passes=passes, key=key)
        return cls(weights, threshold=threshold, self_coupling=self_coupling)

    def added(self, pattern: ArrayLike, rule: AbstractLearningRule | None = None) -> "Hopfield":
        """Returns the network with one more pattern, in O(N^2) for any number of stored patterns.

        A method `removed` does not exist, since weights do not tell their patterns.

        Args:
            pattern: (N,), floats of the dtype of the weights, or integers.
            rule: The rule that made the weights; by default the activity product. It must not need
                the other patterns: `ActivityProduct`, `Covariance` with a mean, or in a single pass
                `ExpandedHebbian`, `Storkey` or `ClampedOja`.

        Raises:
            ValueError: If `rule` is another rule, or `pattern` has a wrong shape or dtype or is not
                finite.
        """
        rule = ActivityProduct() if rule is None else rule
        check_bits(rule, pattern, "pattern")
        row = rows_like("pattern", pattern, self.weights, self.weights.shape[1:])
        weights = learn_another(rule, self.weights, row)
        weights = weights if self.self_coupling else zero_diagonal(weights)
        return eqx.tree_at(lambda net: net.weights, self, weights)

    @property
    def dtype(self) -> np.dtype:
        return self.weights.dtype

    @property
    def has_energy(self) -> bool:
        return True

    def initial_state(self, cue: ArrayLike) -> Pattern:
        """Returns the signs of `cue`; an entry of 0, a bit that is not known, stays 0."""
        return jnp.sign(as_cue(cue, self.weights.shape[0], self.dtype))

    def local_field(self, state: AnyPattern) -> Pattern:
        return self.fields_in(self.carry(state))

    def carry(self, state: AnyPattern) -> Fields:
        terms = jnp.sum(jnp.abs(self.weights), axis=1) + jnp.abs(self.threshold)
        # The barrier makes a copy of the transpose, and the compiler drops an unused copy. Updates
        # one by one then add a row of it: with W^T = (0, a; b, 0), a change of s_0 by 2 adds
        # 2 (0, a) to the fields, without another product W s.
        outgoing = jax.lax.optimization_barrier(self.weights.T)
        rounding = 4 * jnp.finfo(self.dtype).eps * terms
        return Fields(self.weights @ self.as_state(state) - self.threshold, rounding, outgoing)

    def field_of(self, carry: Fields, state: Pattern, i: int | Int[Array, ""]) -> Scalar:
        return _without_rounding(carry.values[i], carry.rounding[i])

    def fields_in(self, carry: Fields) -> Pattern:
        return _without_rounding(carry.values, carry.rounding)

    def flipped(
        self, carry: Fields, state: Pattern, i: int | Int[Array, ""], change: Scalar
    ) -> Fields:
        return carry._replace(values=carry.values + carry.outgoing[i] * change)

    def partial_fields(self, state: Pattern, counts: tuple[int, ...]) -> None:
        """Returns None: weights do not tell the share of each pattern."""
        return None

    def energy(self, state: AnyPattern, drive: Any = None, t: Scalar | float = 0.0) -> Scalar:
        """Returns E, dimensionless."""
        self.as_drive(drive)
        state = self.as_state(state)
        return jnp.vdot(self.threshold - self.weights @ state / 2, state)

    def stored_rows(self) -> Patterns | None:
        return None

    def row_axes(self) -> tuple[Any, int]:
        return axes_of(self, lambda n: (n.weights, n.threshold), (0, 0)), 0

    def readout(self, state: AnyPattern) -> Pattern:
        return self.as_state(state)


def _check_bits_or_signs(patterns: ArrayLike) -> None:
    """Raises a `ValueError` if `patterns` hold other numbers than -1, 0 and +1."""
    array = as_float(patterns)
    if is_concrete(array) and np.isfinite(np.asarray(array)).all():
        graded = int((~np.isin(np.asarray(array), (-1, 0, 1))).sum())
        if graded:
            requirement = (
                "hold -1 and +1, the states of neurons; use `jnp.sign(patterns)`, "
                "`Hopfield(learn(rule, patterns))`, or a `ModernHopfield` network"
            )
            raise argument_error("patterns", requirement, f"{graded} graded entries")


def _without_rounding(field: Array, rounding: Array) -> Array:
    """Returns `field`, and 0 where its size is at most `rounding`."""
    # This comparison is false for NaN, which is therefore not taken for a tie.
    return jnp.where(jnp.abs(field) <= rounding, 0, field)
