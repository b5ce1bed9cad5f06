"""Oja's learning rule and related rules: Hebbian learning with bounded weights."""

import functools
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float

from nam_jax._misc import argument_error, positive_number
from nam_jax._types import Key, Pairs, Pattern, Patterns, Scalar
from nam_jax.memory.rule._learning import AbstractOnlineRule, Learned, check_passes


class ClampedOja(AbstractOnlineRule):
    """Oja's rule with the postsynaptic neuron clamped to the pattern: a leaky average.

        dw_ij = eta x_i (x_j - w_ij x_i)

    For states -1 and +1 each new pattern multiplies the trace of the old ones by 1 - eta, so only
    the latest patterns are recalled: at most N / (e z^2) of them, with eta = e z^2 / (2 N) and z
    the normal quantile of 1 - error. For states 0 and 1, w_ij learns the probability of x_j = 1
    given x_i = 1. Source: Oja 1982, J. Math. Biol. 15, 267.

    Attributes:
        learning_rate: eta, in (0, 1].
        passes: Number of times that all patterns are shown.
    """

    learning_rate: Scalar
    passes: int = eqx.field(static=True)
    local: ClassVar[bool] = True
    random: ClassVar[bool] = False
    zero_one: ClassVar[bool] = True

    def __init__(self, learning_rate: float | Scalar, *, passes: int = 1):
        """Checks and stores the settings.

        Raises:
            ValueError: If `learning_rate` is not in (0, 1], or `passes` is below 1.
        """
        self.learning_rate = positive_number("learning_rate", learning_rate, most=1)
        self.passes = check_passes(passes)

    def start(self, patterns: Patterns, key: Key | None) -> Pairs:
        size = patterns.shape[1]
        return jnp.zeros((size, size), patterns.dtype)

    def show(self, learned: Pairs, pattern: Pattern) -> Pairs:
        post = pattern[:, None]
        rate = self.learning_rate.astype(pattern.dtype)
        return learned + rate * post * (pattern[None, :] - learned * post)


class FreeOja(AbstractOnlineRule):
    """Oja's rule with free postsynaptic neurons: neuron i has the output y_i = sum_j w_ij x_j.

        dw_ij = (eta / N) y_i (x_j - w_ij y_i)

    Every row of W converges to the first principal component of the patterns, with either sign. The
    memory then holds one direction and recalls no pattern; for recall use `ClampedOja`. Weights
    start at random. Source: Oja 1982, J. Math. Biol. 15, 267.

    Attributes:
        learning_rate: eta, above 0; beyond about 1 the rule diverges for patterns of -1 and +1.
        passes: Largest number of times that all patterns are shown.
    """

    learning_rate: Scalar
    passes: int = eqx.field(static=True)
    local: ClassVar[bool] = True
    random: ClassVar[bool] = True

    def __init__(self, learning_rate: float | Scalar = 0.1, *, passes: int = 1000):
        """Checks and stores the settings.

        Raises:
            ValueError: If `learning_rate` is not above 0, or `passes` is below 1.
        """
        self.learning_rate = positive_number("learning_rate", learning_rate)
        self.passes = check_passes(passes)

    def start(self, patterns: Patterns, key: Key | None) -> Pairs:
        size = patterns.shape[1]
        return _random_rows(size, patterns, key, "FreeOja")

    def show(self, learned: Pairs, pattern: Pattern) -> Pairs:
        output = (learned @ pattern)[:, None]
        return learned + _rate(self.learning_rate, pattern) * output * (
            pattern[None, :] - learned * output
        )


class AbstractOutputs(AbstractOnlineRule):
    """Rules that train a layer of outputs y = V x; recall uses the weights W = V^T V.

    Attributes:
        learning_rate: eta, above 0; beyond about 1 the rules diverge for patterns of -1 and +1.
        passes: Largest number of times that all patterns are shown.
        num_outputs: Number of rows of V; by default the number of patterns.
    """

    learning_rate: Scalar = eqx.field(
        default=0.2, converter=functools.partial(positive_number, "learning_rate")
    )
    passes: int = eqx.field(default=1000, static=True)
    num_outputs: int | None = eqx.field(default=None, static=True)

    def __check_init__(self):
        check_passes(self.passes)
        if self.num_outputs is not None and self.num_outputs < 1:
            raise argument_error("num_outputs", "be at least 1", self.num_outputs)

    def start(self, patterns: Patterns, key: Key | None) -> Learned:
        outputs = patterns.shape[0] if self.num_outputs is None else self.num_outputs
        return _random_rows(outputs, patterns, key, type(self).__name__)

    def weights(self, learned: Learned) -> Pairs:
        """Returns W = V^T V, (N, N)."""
        return learned.T @ learned


class Sanger(AbstractOutputs):
    """Sanger's generalised Hebbian algorithm: outputs find the principal components in order.

        dV = (eta / N) (y x^T - lower(y y^T) V),   y = V x,   W = V^T V

    With as many outputs as patterns, W converges to the projector on the span of the patterns,
    slowly if two neighbouring variances are close. The change of one output depends on the weights
    of the outputs before it, so the rule is not local. Source: Sanger 1989, Neural Networks 2, 459.
    """

    local: ClassVar[bool] = False
    random: ClassVar[bool] = True

    def show(self, learned: Learned, pattern: Pattern) -> Learned:
        output = learned @ pattern
        change = jnp.outer(output, pattern) - jnp.tril(jnp.outer(output, output)) @ learned
        return learned + _rate(self.learning_rate, pattern) * change


class OjaSubspace(AbstractOutputs):
    """Oja's subspace rule: outputs learn the part of a pattern that V^T y does not yet explain.

        dV = (eta / N) y (x - V^T y)^T,   y = V x,   W = V^T V

    With as many outputs as patterns, W converges to the projector on the span of the patterns: the
    weights of the pseudo-inverse rule, learned from one pattern after another. The term V^T y
    depends on all outputs, so the rule is not local. Source: Oja 1989, Int. J. Neural Syst. 1, 61.
    """

    local: ClassVar[bool] = False
    random: ClassVar[bool] = True

    def show(self, learned: Learned, pattern: Pattern) -> Learned:
        output = learned @ pattern
        unexplained = pattern - learned.T @ output
        return learned + _rate(self.learning_rate, pattern) * jnp.outer(output, unexplained)


def _random_rows(
    rows: int, patterns: Patterns, key: Key | None, rule: str
) -> Float[Array, "rows N"]:
    """Returns random rows of length about 1 / 2."""
    if key is None:
        raise argument_error("key", f"be given, as {rule} starts from random weights", None)
    size = patterns.shape[1]
    return jr.normal(key, (rows, size), patterns.dtype) / (2 * size**0.5)


def _rate(learning_rate: Scalar, pattern: Pattern) -> Scalar:
    """Returns eta / N."""
    return learning_rate.astype(pattern.dtype) / pattern.shape[0]
