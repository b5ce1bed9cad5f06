"""Online rules for pairwise weights: the expanded Hebbian rule, Storkey's and the perceptron."""

from collections.abc import Callable
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp

from nam_jax._misc import as_float, check_finite, positive_number, zero_diagonal
from nam_jax._types import Key, Pairs, Pattern, Patterns, Scalar
from nam_jax.memory.rule._learning import AbstractOnlineRule, ActivityProduct, check_passes
from nam_jax.memory.tensor import check_patterns

Coefficient = float | Scalar | Callable[[Pairs], Pairs]
"""A number, or a function from the weights, (N, N), to one number for each weight, (N, N)."""


class Decay(eqx.Module):
    """The coefficient c0(w) = -rate w of an `ExpandedHebbian` rule: all weights decay.

    Attributes:
        rate: Share of a weight that is lost at each pattern, in (0, 1].
    """

    rate: Scalar

    def __init__(self, rate: float | Scalar):
        """Sets the rate.

        Raises:
            ValueError: If `rate` is not in (0, 1].
        """
        self.rate = positive_number("rate", rate, most=1)

    def __call__(self, weights: Pairs) -> Pairs:
        return -self.rate.astype(weights.dtype) * weights


class ExpandedHebbian(AbstractOnlineRule):
    """The Taylor expansion of a local rule in the states of its two neurons, to second order.

        dw_ij = c0 + c1pre x_j + c1post x_i + c2pre x_j^2 + c2post x_i^2 + c2corr x_i x_j

    Each coefficient is a number or a function of w_ij; for example, c0 = `Decay`(0.1) makes
    weights decay. Weights start at 0. If all coefficients are numbers, the order of patterns does
    not matter. For random patterns of -1 and +1 only c2corr stores information, while
    c0 + c2pre + c2post, c1pre and c1post reduce the capacity. For sparse patterns of 0 and 1 with
    activity a, c1post = -a c2corr is needed.
    Source: Hanley's prospectus, Definition 2.8.2; Gerstner & Kistler 2002, Biol. Cybern. 87, 404.

    Attributes:
        c0: Constant change.
        c1pre: Coefficient of x_j, the presynaptic neuron.
        c1post: Coefficient of x_i, the postsynaptic neuron.
        c2pre: Coefficient of x_j^2.
        c2post: Coefficient of x_i^2.
        c2corr: Coefficient of the product x_i x_j.
    """

    c0: Coefficient
    c1pre: Coefficient
    c1post: Coefficient
    c2pre: Coefficient
    c2post: Coefficient
    c2corr: Coefficient
    passes: int = eqx.field(static=True)
    local: ClassVar[bool] = True
    random: ClassVar[bool] = False
    zero_one: ClassVar[bool] = True

    def __init__(
        self,
        c0: Coefficient = 0.0,
        c1pre: Coefficient = 0.0,
        c1post: Coefficient = 0.0,
        c2pre: Coefficient = 0.0,
        c2post: Coefficient = 0.0,
        c2corr: Coefficient = 1.0,
        *,
        passes: int = 1,
    ):
        """Sets the coefficients; the defaults give the activity product without its factor 1 / N.

        Raises:
            ValueError: If a coefficient is not finite, or `passes` is below 1.
        """
        self.passes = check_passes(passes)
        given = {"c0": c0, "c1pre": c1pre, "c1post": c1post, "c2pre": c2pre, "c2post": c2post,
                 "c2corr": c2corr}  # fmt: skip
        for name, value in given.items():
            coefficient = value if callable(value) else as_float(value)
            if not callable(coefficient):
                check_finite(name, coefficient)
            setattr(self, name, coefficient)

    def start(self, patterns: Patterns, key: Key | None) -> Pairs:
        return _no_weights(patterns)

    def show(self, learned: Pairs, pattern: Pattern) -> Pairs:
        pre, post = pattern[None, :], pattern[:, None]
        terms = (
            (self.c0, jnp.ones_like(learned)),
            (self.c1pre, jnp.broadcast_to(pre, learned.shape)),
            (self.c1post, jnp.broadcast_to(post, learned.shape)),
            (self.c2pre, jnp.broadcast_to(pre**2, learned.shape)),
            (self.c2post, jnp.broadcast_to(post**2, learned.shape)),
            (self.c2corr, post @ pre),
        )
        return learned + sum(_at(coefficient, learned) * term for coefficient, term in terms)


class Storkey(AbstractOnlineRule):
    """Storkey's rule: a Hebbian change without the part that local fields already have.

        dw_ij = (x_i x_j - x_i h_ji - h_ij x_j) / N,   h_ij = sum_{k != i, j} w_ik x_k

    h_ij is the local field of neuron i without the terms of neurons i and j. The rule is local: it
    needs only the fields of neurons i and j. The diagonal is zero. The cost is O(K N^2).
    Source: Storkey & Valabregue 1999, Neural Networks 12, 869.
    """

    passes: int = eqx.field(default=1, static=True)
    local: ClassVar[bool] = True
    random: ClassVar[bool] = False

    def __check_init__(self):
        check_passes(self.passes)

    def start(self, patterns: Patterns, key: Key | None) -> Pairs:
        return _no_weights(patterns)

    def show(self, learned: Pairs, pattern: Pattern) -> Pairs:
        mixed = jnp.outer(pattern, learned @ pattern)
        squares = jnp.broadcast_to(pattern**2, learned.shape)
        own_shares = learned * (squares + squares.T)
        change = jnp.outer(pattern, pattern) - (mixed + mixed.T) + own_shares
        return learned + zero_diagonal(change) / pattern.shape[0]


class Perceptron(AbstractOnlineRule):
    """Perceptron learning with a margin: every pattern becomes a fixed point; zero diagonal.

    Weights start at the activity product. The patterns are shown in turn; if the stability of
    neuron i, x_i sum_j w_ij x_j / |w_i|, is not above kappa, its weights change:

        dw_ij = eta x_i x_j / N   where   x_i sum_j w_ij x_j <= kappa |w_i|.

    Learning stops after a pass that changes nothing; all stabilities are then above kappa. For
    random patterns this is possible up to K / N = 1 / [(1 + kappa^2) Phi(kappa) + kappa
    phi(kappa)], which is 2 at kappa = 0 and 0.52 at kappa = 1. The weights are not symmetric.
    Source: Gardner 1988, J. Phys. A 21, 257.

    Attributes:
        kappa: The margin, at least 0, dimensionless.
        passes: Largest number of times that all patterns are shown.
        learning_rate: eta, above 0: size of a change relative to the activity product.
    """

    kappa: Scalar
    learning_rate: Scalar
    passes: int = eqx.field(static=True)
    local: ClassVar[bool] = True
    random: ClassVar[bool] = False

    def __init__(
        self,
        kappa: float | Scalar = 0.5,
        *,
        passes: int = 200,
        learning_rate: float | Scalar = 1.0,
    ):
        """Sets the margin; random patterns allow the default margin up to K = 0.96 N.

        Raises:
            ValueError: If `kappa` is negative, `passes` below 1 or `learning_rate` not above 0.
        """
        self.kappa = positive_number("kappa", kappa, zero_allowed=True)
        self.learning_rate = positive_number("learning_rate", learning_rate)
        self.passes = check_passes(passes)

    def start(self, patterns: Patterns, key: Key | None) -> Pairs:
        """Returns the activity product with a zero diagonal.

        Raises:
            ValueError: If `patterns` holds anything but -1 and +1.
        """
        return zero_diagonal(ActivityProduct().weights(check_patterns(patterns, binary=True)))

    def show(self, learned: Pairs, pattern: Pattern) -> Pairs:
        margin = self.kappa.astype(pattern.dtype) * jnp.linalg.norm(learned, axis=1)
        unstable = pattern * (learned @ pattern) <= margin
        rate = self.learning_rate.astype(pattern.dtype) / pattern.shape[0]
        change = jnp.outer(jnp.where(unstable, rate * pattern, 0), pattern)
        return learned + zero_diagonal(change)


def _no_weights(patterns: Patterns) -> Pairs:
    """Returns (N, N) zeros in the dtype of the patterns."""
    size = patterns.shape[1]
    return jnp.zeros((size, size), patterns.dtype)


def _at(coefficient: Coefficient, weights: Pairs) -> Pairs | Scalar:
    """Returns the value of a coefficient at the present weights."""
    if callable(coefficient):
        return coefficient(weights)
    return jnp.asarray(coefficient, weights.dtype)
