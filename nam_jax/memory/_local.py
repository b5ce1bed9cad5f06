"""Local learning rules shown one pattern after another: the expanded Hebbian rule, and Oja's."""

from collections.abc import Callable
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

from nam_jax._misc import argument_error, as_float, check_finite, is_concrete, positive_number
from nam_jax._types import Pairs, Pattern, Patterns, Scalar
from nam_jax.memory._learning import AbstractLearningRule

Coefficient = float | Scalar | Callable[[Pairs], Pairs]
"""A number, or a function of the weight, elementwise."""


class ExpandedHebbian(AbstractLearningRule):
    """The Taylor expansion of a local rule in the states of its two neurons, to second order.

        dw_ij = c0 + c1pre x_j + c1post x_i + c2pre x_j^2 + c2post x_i^2 + c2corr x_i x_j

    Each coefficient is a number or a function of w_ij: c0 = lambda w: -0.1 * w is decay. Weights
    start at 0 and patterns are shown once, in order; without functions the order does not matter.
    For random patterns of -1 and +1 only c2corr stores anything, while c0 + c2pre + c2post, c1pre
    and c1post harm; for sparse patterns of 0 and 1 c1post = -a c2corr is what makes it work.
    Source: Hanley's prospectus, Definition 2.8.2; Gerstner & Kistler 2002, Biol. Cybern. 87, 404.
    """

    c0: Coefficient
    c1pre: Coefficient
    c1post: Coefficient
    c2pre: Coefficient
    c2post: Coefficient
    c2corr: Coefficient
    local: ClassVar[bool] = True

    def __init__(
        self,
        c0: Coefficient = 0.0,
        c1pre: Coefficient = 0.0,
        c1post: Coefficient = 0.0,
        c2pre: Coefficient = 0.0,
        c2post: Coefficient = 0.0,
        c2corr: Coefficient = 1.0,
    ):
        """By default the activity product, without its factor 1 / N.

        Raises:
            ValueError: If a coefficient is not finite.
        """
        given = {"c0": c0, "c1pre": c1pre, "c1post": c1post, "c2pre": c2pre, "c2post": c2post,
                 "c2corr": c2corr}  # fmt: skip
        for name, value in given.items():
            found = value if callable(value) else as_float(value)
            if not callable(found):
                check_finite(name, found)
            setattr(self, name, found)

    def __call__(self, patterns: Patterns) -> Pairs:
        def show(weights: Pairs, x: Pattern) -> tuple[Pairs, None]:
            pre, post = x[None, :], x[:, None]
            terms = (
                (self.c0, jnp.ones_like(weights)),
                (self.c1pre, jnp.broadcast_to(pre, weights.shape)),
                (self.c1post, jnp.broadcast_to(post, weights.shape)),
                (self.c2pre, jnp.broadcast_to(pre**2, weights.shape)),
                (self.c2post, jnp.broadcast_to(post**2, weights.shape)),
                (self.c2corr, post @ pre),
            )
            change = sum(_at(coefficient, weights) * term for coefficient, term in terms)
            return weights + change, None

        size = patterns.shape[1]
        return jax.lax.scan(show, jnp.zeros((size, size), patterns.dtype), patterns)[0]


class ClampedOja(AbstractLearningRule):
    """Oja's rule with the postsynaptic neuron clamped to the pattern: a leaky average.

        dw_ij = eta x_i (x_j - w_ij x_i)

    For states -1 and +1 old patterns fade by 1 - eta at each new one, so that the latest are
    recalled and none is forever: at most N / (e z^2), at eta = e z^2 / (2 N). For 0 and 1 it learns
    the probability of x_j given x_i = 1. Source: Oja 1982, J. Math. Biol. 15, 267.

    Attributes:
        learning_rate: eta, in (0, 1].
        passes: How often all patterns are shown, in order.
    """

    learning_rate: Scalar
    passes: int = eqx.field(static=True)
    local: ClassVar[bool] = True

    def __init__(self, learning_rate: float | Scalar, *, passes: int = 1):
        """Sets both.

        Raises:
            ValueError: If the learning rate is not in (0, 1], or there are no passes.
        """
        self.learning_rate = positive_number("learning_rate", learning_rate)
        self.passes = passes
        if is_concrete(self.learning_rate) and self.learning_rate > 1:
            raise argument_error("learning_rate", "be at most 1", f"{self.learning_rate:.3g}")
        if passes < 1:
            raise argument_error("passes", "be at least 1", passes)

    def __call__(self, patterns: Patterns) -> Pairs:
        rate = self.learning_rate.astype(patterns.dtype)

        def show(weights: Pairs, x: Pattern) -> tuple[Pairs, None]:
            post = x[:, None]
            return weights + rate * post * (x[None, :] - weights * post), None

        def show_all(weights: Pairs, _: None) -> tuple[Pairs, None]:
            return jax.lax.scan(show, weights, patterns)

        size = patterns.shape[1]
        start = jnp.zeros((size, size), patterns.dtype)
        return jax.lax.scan(show_all, start, length=self.passes)[0]


def _at(coefficient: Coefficient, weights: Pairs) -> Pairs | Scalar:
    if callable(coefficient):
        return coefficient(weights)
    return jnp.asarray(coefficient, weights.dtype)
