"""Correlation-matrix memories: answers to cues, stored as a sum of outer products."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from nam_jax._misc import argument_error, axes_of, in_one_dtype
from nam_jax._types import Pattern, Scalar
from nam_jax.memory import check_patterns, rows_like
from nam_jax.network._base import AbstractFeedforwardNetwork, without_energy
from nam_jax.network._drive import as_cue


class CorrelationMatrix(AbstractFeedforwardNetwork):
    """y = W s with W = Y^T Xi / N: Kohonen's linear associator, or Amari's with signs.

    One pass, no dynamics: an answer is the stored one, y_mu, plus cross-talk of size sqrt(K / N).
    Hetero-associative where answers are other patterns than cues. Source: Kohonen 1972, IEEE Trans.
    Comput. C-21, 353; Amari 1972, IEEE Trans. Comput. C-21, 1197.

    Attributes:
        weights: W, (M, N).
        sign: Whether the answer is made of signs.
        passes: How many passes; more than one only where answers are like cues.
    """

    weights: Float[Array, "M N"]
    sign: bool = eqx.field(static=True)
    passes: int = eqx.field(static=True)

    def __init__(
        self,
        patterns: ArrayLike,
        answers: ArrayLike | None = None,
        *,
        sign: bool = False,
        passes: int = 1,
    ):
        """Stores `answers` to `patterns`, by default the patterns themselves.

        Args:
            patterns: Xi, (K, N).
            answers: Y, (K, M).
            sign: Whether answers are signs.
            passes: How many passes.

        Raises:
            ValueError: On wrong shapes, numbers that are not finite, or passes below 1; or above 1
                where answers are no cues.
        """
        xi = check_patterns(patterns)
        y = xi if answers is None else check_patterns(answers, name="answers")
        if y.shape[0] != xi.shape[0]:
            requirement = f"have {xi.shape[0]} rows, one for each pattern"
            raise argument_error("answers", requirement, f"shape {y.shape}")
        if passes > 1 and y.shape != xi.shape:
            raise argument_error("passes", "be 1 where answers are no cues", passes)
        xi, y = in_one_dtype(xi, y)
        self.weights = y.T @ xi / xi.shape[1]
        self.sign = sign
        self.passes = passes

    def added(self, pattern: ArrayLike, answer: ArrayLike | None = None) -> "CorrelationMatrix":
        """The memory with one more pattern, in O(M N), whatever the number of those stored.

        There is no `removed`: weights do not tell which patterns they are made of.

        Args:
            pattern: (N,).
            answer: (M,), by default the pattern itself.

        Raises:
            ValueError: On a wrong shape or dtype.
        """
        sizes = self.weights.shape
        x = rows_like("pattern", pattern, self.weights, sizes[1:])
        y = rows_like("answer", x if answer is None else answer, self.weights, sizes[:1])
        weights = self.weights + jnp.outer(y, x) / sizes[1]
        return eqx.tree_at(lambda net: net.weights, self, weights)

    @property
    def dtype(self) -> np.dtype:
        return self.weights.dtype

    @property
    def has_energy(self) -> bool:
        return False

    def energy(self, state: Pattern, drive: Any = None, t: Scalar | float = 0.0) -> Scalar:
        raise without_energy(self)

    def row_axes(self) -> tuple[Any, None]:
        return axes_of(self, lambda n: n.weights, 0), None

    def initial_state(self, cue: ArrayLike) -> Pattern:
        """The cue itself."""
        return as_cue(cue, self.weights.shape[1], self.dtype)

    def respond(self, state: Pattern) -> Float[Array, " M"]:
        answer = self.weights @ state
        return jnp.sign(answer) if self.sign else answer
