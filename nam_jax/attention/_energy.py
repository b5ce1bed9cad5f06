"""A block of tokens that descends an energy: the block of the Energy Transformer."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float

from nam_jax._misc import argument_error, check_key, check_whole, positive_number
from nam_jax._precision import AbstractPrecise
from nam_jax._types import Key, Scalar
from nam_jax.interaction import AbstractInteraction, Attention, Dense
from nam_jax.lagrangian import AbstractLagrangian, LayerNorm, Rows
from nam_jax.memory import RectifiedPower
from nam_jax.network import EnergyNetwork, Layer, LayerStates

Tokens = Float[Array, "T D"]
"""One vector of D numbers for each of T tokens."""

NAME = "tokens"
"""The name of the one layer of a block, which its interactions join."""


class EnergyBlock(AbstractPrecise):
    """Tokens to tokens: K steps down the energy of a composed network with one layer of tokens.

        u <- u - a dE/dy,   dE/dy = leak u + d(sum of interactions)/dy,   y = layer norm of each row

    These are Euler steps of length a of the [`nam_jax.network.EnergyNetwork`][] that `network`
    returns. With `Attention` and `Dense` as interactions and the leak 0 it is the block of Hoover
    et al., Energy Transformer, arXiv 2302.07253. Without a leak tokens grow for ever and never
    rest, so that the answer depends on K. With a leak above 0, `nam_jax.settle` brings the network
    to rest, and that answer needs no K.

    A block is trained as any module, by the parts in `trained`, and batched by `jax.vmap`.

    Attributes:
        interactions: Terms of the energy, all of the layer "tokens".
        lagrangian: The Lagrangian of all tokens, whose gradient is y.
        leak: At least 0.
        step: a, the length of a step, above 0.
        steps: K.
    """

    interactions: tuple[AbstractInteraction, ...]
    lagrangian: AbstractLagrangian
    leak: Scalar
    step: Scalar
    steps: int = eqx.field(static=True)

    def __init__(
        self,
        interactions: Sequence[AbstractInteraction],
        lagrangian: AbstractLagrangian | None = None,
        *,
        leak: float | Scalar = 0.0,
        step: float | Scalar = 1.0,
        steps: int = 3,
    ):
        """Makes a block.

        Args:
            interactions: At least one term of the energy of the layer "tokens", as
                `Attention("tokens", keys, queries)`.
            lagrangian: `Rows(LayerNorm())` by default.
            leak: At least 0.
            step: a, above 0.
            steps: K, at least 1.

        Raises:
            ValueError: If a number is out of its range, or an interaction is none or joins another
                layer.
        """
        self.interactions = tuple(interactions)
        self.lagrangian = Rows(LayerNorm()) if lagrangian is None else lagrangian
        self.leak = positive_number("leak", leak, zero_allowed=True)
        self.step = positive_number("step", step)
        self.steps = steps

    def __check_init__(self):
        check_whole("steps", self.steps)
        wrong = [term for term in self.interactions if getattr(term, "joins", None) != (NAME,)]
        if wrong or not self.interactions:
            requirement = f'hold interactions of the one layer "{NAME}"'
            given = f"a {type(wrong[0]).__name__} that is none" if wrong else "none"
            raise argument_error("interactions", requirement, given)

    @classmethod
    def random(
        cls,
        size: int,
        *,
        num_heads: int,
        head_size: int,
        num_memories: int,
        leak: float | Scalar = 0.0,
        step: float | Scalar = 1.0,
        steps: int = 3,
        key: Key,
    ) -> "EnergyBlock":
        """Returns a block with attention and a memory, whose weights have the variance 1 / D.

        Args:
            size: D, the length of the vector of a token.
            num_heads: H, the number of heads.
            head_size: Y, the length of a query or key.
            num_memories: M, the number of patterns of the memory, whose F is max(z, 0)^2 / 2.
            leak: At least 0.
            step: a, above 0.
            steps: K, at least 1.
            key: Random key.

        Raises:
            ValueError: If a number is out of its range.
        """
        numbers = {
            "size": size,
            "num_heads": num_heads,
            "head_size": head_size,
            "num_memories": num_memories,
        }
        for name, number in numbers.items():
            check_whole(name, number)
        check_key(key)
        of_keys, of_queries, of_memory = jr.split(key, 3)
        shape, scale = (num_heads, head_size, size), size**-0.5
        keys, queries = (scale * jr.normal(of_part, shape) for of_part in (of_keys, of_queries))
        patterns = scale * jr.normal(of_memory, (num_memories, size))
        attention = Attention(NAME, keys, queries)
        memory = Dense(NAME, patterns, RectifiedPower(2))
        lagrangian = Rows(LayerNorm(shift=jnp.zeros(size)))
        return cls((attention, memory), lagrangian, leak=leak, step=step, steps=steps)

    def __call__(self, tokens: Tokens) -> Tokens:
        """Returns the tokens u after K steps; `normed` of them is what a linear read-out takes.

        Args:
            tokens: u before the first step, shape (T, D).
        """
        return self._descend(tokens, self.steps)[0]

    def path(self, tokens: Tokens, steps: int) -> Float[Array, "steps T D"]:
        """Returns the tokens u after each of `steps` steps, whatever K is.

        Args:
            tokens: u before the first step, shape (T, D).
            steps: Number of steps, at least 1.
        """
        return self._descend(tokens, steps)[1]

    def normed(self, tokens: Tokens) -> Tokens:
        """Returns y at the tokens u: with `Rows(LayerNorm())` the layer norm of each token."""
        return self.lagrangian.activation(tokens)

    def energy(self, tokens: Tokens) -> Scalar:
        """Returns E at the tokens u."""
        network = self.network(*tokens.shape)
        return network.energy(LayerStates((NAME,), (tokens,)))

    def network(self, num_tokens: int, size: int) -> EnergyNetwork:
        """Returns the network of the same energy, with the time constant 1.

        Args:
            num_tokens: T.
            size: D.

        Raises:
            ValueError: If an interaction does not fit T tokens of D numbers.
        """
        layer = Layer(self.lagrangian, self.leak, shape=(num_tokens, size))
        return EnergyNetwork({NAME: layer}, self.interactions, visible=NAME)

    def trained(self) -> list[Any]:
        """Returns the parts whose numbers training may change.

        Leak, length of a step, steepness of attention and strength of a memory are left out.
        """
        arrays = jax.tree.leaves(eqx.filter(self.interactions, eqx.is_inexact_array))
        return [self.lagrangian, *(array for array in arrays if array.ndim)]

    def _descend(self, tokens: Tokens, steps: int) -> tuple[Tokens, Float[Array, "steps T D"]]:
        network = self.network(*tokens.shape)
        step = self.step.astype(tokens.dtype)

        def advance(u: Tokens, _: None) -> tuple[Tokens, Tokens]:
            (flow,) = network.vector_field(0.0, LayerStates((NAME,), (u,)))
            u = u + step * flow
            return u, u

        return jax.lax.scan(advance, tokens, length=steps)
