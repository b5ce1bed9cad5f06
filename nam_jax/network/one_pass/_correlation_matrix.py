"""The correlation-matrix memory: pairs of cue and answer, stored as a sum of outer products."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from nam_jax._misc import argument_error, axes_of, in_one_dtype
from nam_jax._types import AnyPattern, Pattern, Patterns, Scalar
from nam_jax.memory import check_patterns, rows_like
from nam_jax.network._base import AbstractFeedforwardNetwork, without_energy
from nam_jax.network._drive import as_cue


class CorrelationMatrix(AbstractFeedforwardNetwork):
    """The linear associator y = W s with W = Y^T Xi / N (Kohonen), or y = sign(W s) (Amari).

    It has no dynamics. For random patterns of -1 and +1, the linear answer to the cue xi_mu is the
    stored answer y_mu plus cross-talk of size sqrt(K / N). If answers are other patterns than cues,
    the memory is hetero-associative. Source: Kohonen 1972, IEEE Trans. Comput. C-21, 353; Amari
    1972, IEEE Trans. Comput. C-21, 1197.

    Attributes:
        weights: W, (M, N).
        sign: Whether the answer is made of signs.
        passes: Number of passes, at least 1; above 1 only if answers have the length of cues.
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
        """Stores the answer to each pattern.

        Args:
            patterns: Xi, (K, N).
            answers: Y, (K, M); by default the patterns themselves.
            sign: Whether the answer is made of signs.
            passes: Number of passes, at least 1; above 1 only if M = N.

        Raises:
            ValueError: If `patterns` or `answers` has a wrong shape or is not finite, or if
                `passes` is below 1, or above 1 although M is not N.
        """
        xi = check_patterns(patterns)
        y = xi if answers is None else check_patterns(answers, name="answers")
        if y.shape[0] != xi.shape[0]:
            requirement = f"have {xi.shape[0]} rows, one for each pattern"
            raise argument_error("answers", requirement, f"shape {y.shape}")
        if passes > 1 and y.shape != xi.shape:
            requirement = "be 1 if answers are not as long as patterns"
            raise argument_error("passes", requirement, passes)
        xi, y = in_one_dtype(xi, y)
        self.weights = y.T @ xi / xi.shape[1]
        self.sign = sign
        self.passes = passes

    def added(self, pattern: ArrayLike, answer: ArrayLike | None = None) -> "CorrelationMatrix":
        """Returns the memory with one more pattern, in O(M N) for any number of stored patterns.

        A method `removed` does not exist, since weights do not tell their patterns.

        Args:
            pattern: (N,), floats of the dtype of the weights, or integers.
            answer: (M,), as `pattern`; by default the pattern itself.

        Raises:
            ValueError: If `pattern` or `answer` has a wrong shape or dtype or is not finite.
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

    def energy(self, state: AnyPattern, drive: Any = None, t: Scalar | float = 0.0) -> Scalar:
        raise without_energy(self)

    @property
    def nan_allowed(self) -> bool:
        return False

    def stored_rows(self) -> Patterns | None:
        return None

    def row_axes(self) -> tuple[Any, None]:
        return axes_of(self, lambda n: n.weights, 0), None

    def initial_state(self, cue: ArrayLike) -> Pattern:
        """Returns the cue itself."""
        return as_cue(cue, self.weights.shape[1], self.dtype)

    def respond(self, state: AnyPattern) -> Float[Array, " M"]:
        answer = self.weights @ self.as_state(state)
        return jnp.sign(answer) if self.sign else answer
