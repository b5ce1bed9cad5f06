"""The interaction of tokens by attention."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from nam_jax._misc import argument_error, positive_number
from nam_jax._types import Scalar
from nam_jax.interaction._base import (
    AbstractInteraction,
    Activation,
    Shape,
    check_shape,
    like,
    named,
    numbers,
    some,
)


class Attention(AbstractInteraction):
    """E = -1/beta sum_h sum_C log sum_(B != C) exp(beta K_hB . Q_hC): tokens that attend.

    K_hB = W_K,h y_B and Q_hC = W_Q,h y_C are the keys and queries of head h, for tokens y_B and
    y_C. A token feels two forces: as a query, which is ordinary attention, and as a key. Without
    the second the flow would not follow an energy. Source: Hoover et al., Energy Transformer, arXiv
    2302.07253.

    Attributes:
        joins: The name of the layer of tokens, (T, D).
        keys: W_K, (H, Y, D).
        queries: W_Q, (H, Y, D).
        beta: Steepness of the softmax, above 0.
    """

    joins: tuple[str, ...] = eqx.field(static=True)
    keys: Float[Array, "H Y D"]
    queries: Float[Array, "H Y D"]
    beta: Scalar

    def __init__(
        self,
        layer: str,
        keys: ArrayLike,
        queries: ArrayLike,
        *,
        beta: float | Scalar | None = None,
    ):
        """Joins tokens; beta is 1 / sqrt(Y) by default.

        Raises:
            ValueError: If `keys` and `queries` are not of one shape (H, Y, D), or `beta` is not
                above 0.
        """
        self.joins = (layer,)
        self.keys, self.queries = numbers("keys", keys, 3), numbers("queries", queries, 3)
        if self.keys.shape != self.queries.shape:
            requirement = f"have the shape {self.keys.shape} of `keys`"
            raise argument_error("queries", requirement, f"shape {self.queries.shape}")
        beta = 1 / math.sqrt(self.keys.shape[1]) if beta is None else beta
        self.beta = positive_number("beta", beta)

    def energy(self, *activations: Activation) -> Scalar:
        (layer,) = activations
        beta = like(self.beta, layer)
        keys = jnp.einsum("hyd,td->hty", like(self.keys, layer), layer)
        queries = jnp.einsum("hyd,td->hty", like(self.queries, layer), layer)
        scores = beta * jnp.einsum("hby,hcy->hcb", keys, queries)
        own = jnp.eye(layer.shape[0], dtype=bool)
        others = jax.nn.logsumexp(jnp.where(own, -jnp.inf, scores), axis=-1)
        return -jnp.sum(others) / beta

    def check(self, *shapes: Shape) -> None:
        (layer,) = shapes
        if len(layer) != 2 or layer[0] < 2:
            requirement = "join a layer of two or more tokens, (T, D)"
            raise argument_error("keys", requirement, named(self.joins, layer))
        needed = (*self.keys.shape[:2], layer[1])
        check_shape("keys", self.keys.shape, needed, named(self.joins, layer))

    def degree(self, *free: bool) -> float | int:
        return math.inf if some(free) else 0

    def growth(self, *free: bool) -> float | int:
        return 2 * some(free)
