"""A small Transformer whose attention can be any associative memory of this package."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from einops import rearrange
from jaxtyping import Array, Float, Int

from nam_jax._misc import argument_error, check_key
from nam_jax._precision import AbstractPrecise
from nam_jax._types import Key
from nam_jax.attention._attention import AbstractAttention

Hidden = Float[Array, "T D"]
"""One vector for each token of a sequence."""


class TransformerBlock(AbstractPrecise):
    """A Transformer block: x + attention(norm(x)), then x + mlp(norm(x)).

    Queries, keys and values are linear in a token and in the token before it (a causal convolution
    of width 2), so that one block can store a value under the key before it. There is no code of
    positions. Source: Vaswani et al., arXiv 1706.03762, with the norm before each part; the
    convolution as in Fu et al., arXiv 2212.14052, and Arora et al., arXiv 2312.04927.

    Attributes:
        attention: The attention, an associative memory that all heads share.
        project: Linear map from a token and the token before it to queries, keys and values of all
            heads.
        output: Linear map from the answers of all heads to a change of the token.
        mlp: Network with one hidden layer.
        norms: The norm before attention and the norm before the MLP.
        num_heads: H.
    """

    attention: AbstractAttention
    project: eqx.nn.Linear
    output: eqx.nn.Linear
    mlp: eqx.nn.MLP
    norms: tuple[eqx.nn.LayerNorm, eqx.nn.LayerNorm]
    num_heads: int = eqx.field(static=True)

    def __init__(
        self,
        attention: AbstractAttention,
        size: int,
        *,
        num_heads: int,
        head_size: int,
        key: Key,
    ):
        """Draws random weights.

        Args:
            attention: The attention of all heads, an associative memory.
            size: D, the length of the vector of a token.
            num_heads: H, the number of heads.
            head_size: Length of a query, key or value of one head.
            key: Random key.
        """
        of_project, of_output, of_mlp = jr.split(key, 3)
        width = num_heads * head_size
        self.attention = attention
        self.project = eqx.nn.Linear(2 * size, 3 * width, use_bias=False, key=of_project)
        self.output = eqx.nn.Linear(width, size, use_bias=False, key=of_output)
        # By default Equinox puts a lambda here, which `nam.save` cannot write to a file.
        self.mlp = eqx.nn.MLP(size, size, 2 * size, 1, jax.nn.gelu, eqx.nn.Identity(), key=of_mlp)
        self.norms = (eqx.nn.LayerNorm(size), eqx.nn.LayerNorm(size))
        self.num_heads = num_heads

    def __call__(self, x: Hidden) -> Hidden:
        first, second = (jax.vmap(norm) for norm in self.norms)
        x = x + self._attend(first(x))
        return x + jax.vmap(self.mlp)(second(x))

    def trained(self) -> list[Any]:
        """Returns the parts whose numbers training may change."""
        return [self.project, self.output, self.mlp, self.norms, *self.attention.trained()]

    def _attend(self, x: Hidden) -> Hidden:
        before = jnp.concatenate([jnp.zeros_like(x[:1]), x[:-1]])
        projected = jax.vmap(self.project)(jnp.concatenate([x, before], axis=1))
        heads = rearrange(projected, "t (part h d) -> part h t d", part=3, h=self.num_heads)
        answers = jax.vmap(self.attention)(*heads)
        return jax.vmap(self.output)(rearrange(answers, "h t d -> t (h d)"))


class Transformer(AbstractPrecise):
    """A causal Transformer from tokens to logits: codes of tokens, blocks, a norm, a linear head.

    Attributes:
        codes: One vector for each of V tokens, shape (V, D).
        blocks: The blocks, in the order in which they act.
        norm: The norm before the head.
        head: Linear map from D numbers to C logits.
    """

    codes: Float[Array, "V D"]
    blocks: tuple[TransformerBlock, ...]
    norm: eqx.nn.LayerNorm
    head: eqx.nn.Linear

    def __init__(
        self,
        codes: Float[Array, "V D"],
        num_classes: int,
        attention: Callable[[Key], AbstractAttention],
        *,
        num_blocks: int = 1,
        num_heads: int = 1,
        head_size: int = 16,
        key: Key,
    ):
        """Draws random weights.

        Args:
            codes: Vectors of tokens, for example random ones, shape (V, D). They are not trained,
                so that tokens that training never shows are treated like others.
            num_classes: C, number of logits at each position.
            attention: Makes the attention of a block from a random key.
            num_blocks: Number of blocks, at least 1.
            num_heads: H, number of heads of a block, at least 1.
            head_size: Length of a query, key or value of one head, at least 1.
            key: Random key.

        Raises:
            ValueError: If a number is below 1.
        """
        numbers = {
            "num_classes": num_classes,
            "num_blocks": num_blocks,
            "num_heads": num_heads,
            "head_size": head_size,
        }
        for name, number in numbers.items():
            if number < 1:
                raise argument_error(name, "be at least 1", number)
        check_key(key)
        size = codes.shape[1]
        of_head, *of_blocks = jr.split(key, 1 + num_blocks)
        self.codes = codes
        self.blocks = tuple(
            _block(attention, size, num_heads=num_heads, head_size=head_size, key=block_key)
            for block_key in of_blocks
        )
        self.norm = eqx.nn.LayerNorm(size)
        self.head = eqx.nn.Linear(size, num_classes, key=of_head)

    def __call__(self, tokens: Int[Array, " T"]) -> Float[Array, "T C"]:
        """Returns logits at each position; they depend only on tokens up to that position.

        Args:
            tokens: Whole numbers from 0 to V - 1, shape (T,).

        Returns:
            Logits, shape (T, C).
        """
        x = self.codes[tokens]
        for block in self.blocks:
            x = block(x)
        return jax.vmap(lambda row: self.head(self.norm(row)))(x)

    def trained(self) -> list[Any]:
        """Returns the parts whose numbers training may change; use it as `trainable` of a fit.

        The codes and the fixed numbers of attention are left out.
        """
        return [self.norm, self.head, *(part for block in self.blocks for part in block.trained())]


def _block(
    attention: Callable[[Key], AbstractAttention], size: int, *, key: Key, **sizes: int
) -> TransformerBlock:
    """Returns a block with random weights, its attention made by `attention`."""
    of_attention, of_weights = jr.split(key)
    return TransformerBlock(attention(of_attention), size, key=of_weights, **sizes)
