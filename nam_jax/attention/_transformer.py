"""A small Transformer whose attention is an associative memory of one's choice."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from einops import rearrange
from jaxtyping import Array, Float, Int

from nam_jax._misc import argument_error
from nam_jax._types import Key
from nam_jax.attention._attention import AbstractAttention

Hidden = Float[Array, "T D"]
"""One vector for each token of a sequence."""


class TransformerBlock(eqx.Module):
    """x + attention(norm(x)), then x + mlp(norm(x)); what a token stores depends on the one before.

    Queries, keys and values are linear in a token and in its predecessor (a causal convolution of
    width 2), so that one block can store a value under the key before it; there is no code of
    places. Source: Vaswani et al., arXiv 1706.03762, with norms first; the convolution as in Fu et
    al., arXiv 2212.14052, and Arora et al., arXiv 2312.04927.

    Attributes:
        attention: The memory, the same for all heads.
        project: From a token and its predecessor to queries, keys and values of all heads.
        output: From the answers of all heads back.
        mlp: One hidden layer.
        norms: Before attention and before the MLP.
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
        """Random weights for vectors of `size`; queries, keys and values are of `head_size`."""
        of_project, of_output, of_mlp = jr.split(key, 3)
        width = num_heads * head_size
        self.attention = attention
        self.project = eqx.nn.Linear(2 * size, 3 * width, use_bias=False, key=of_project)
        self.output = eqx.nn.Linear(width, size, use_bias=False, key=of_output)
        # A module where Equinox has a function without a name, which no file could hold.
        self.mlp = eqx.nn.MLP(size, size, 2 * size, 1, jax.nn.gelu, eqx.nn.Identity(), key=of_mlp)
        self.norms = (eqx.nn.LayerNorm(size), eqx.nn.LayerNorm(size))
        self.num_heads = num_heads

    def __call__(self, x: Hidden) -> Hidden:
        first, second = (jax.vmap(norm) for norm in self.norms)
        x = x + self._attend(first(x))
        return x + jax.vmap(self.mlp)(second(x))

    def trained(self) -> list[Any]:
        """All parts with numbers that are meant to be trained."""
        return [self.project, self.output, self.mlp, self.norms, *self.attention.trained()]

    def _attend(self, x: Hidden) -> Hidden:
        before = jnp.concatenate([jnp.zeros_like(x[:1]), x[:-1]])
        projected = jax.vmap(self.project)(jnp.concatenate([x, before], axis=1))
        heads = rearrange(projected, "t (part h d) -> part h t d", part=3, h=self.num_heads)
        answers = jax.vmap(self.attention)(*heads)
        return jax.vmap(self.output)(rearrange(answers, "h t d -> t (h d)"))


class Transformer(eqx.Module):
    """Tokens to logits, causal: codes of tokens, blocks, a norm and a linear head.

    Attributes:
        codes: One row a token, (V, D).
        blocks: One after another.
        norm: Before the head.
        head: To C logits.
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
        """Random weights.

        Args:
            codes: What stands for each token, such as random vectors; not among `trained`, so that
                tokens that training never shows are treated like others.
            num_classes: C.
            attention: Makes the attention of a block from a random key.
            num_blocks: At least 1.
            num_heads: H, at least 1.
            head_size: Numbers in a query, key or value of one head, at least 1.
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
        size = codes.shape[1]
        of_head, *of_blocks = jr.split(key, 1 + num_blocks)
        self.codes = codes
        self.blocks = tuple(
            _block(attention, size, num_heads=num_heads, head_size=head_size, key=each)
            for each in of_blocks
        )
        self.norm = eqx.nn.LayerNorm(size)
        self.head = eqx.nn.Linear(size, num_classes, key=of_head)

    def __call__(self, tokens: Int[Array, " T"]) -> Float[Array, "T C"]:
        """Logits at each place, which depend on tokens up to it only.

        Args:
            tokens: From 0 to V - 1.
        """
        x = self.codes[tokens]
        for block in self.blocks:
            x = block(x)
        return jax.vmap(lambda each: self.head(self.norm(each)))(x)

    def trained(self) -> list[Any]:
        """All parts with numbers but codes and what attention fixes: `trainable` of a fit."""
        return [self.norm, self.head, *(part for block in self.blocks for part in block.trained())]


def _block(
    attention: Callable[[Key], AbstractAttention], size: int, *, key: Key, **sizes: int
) -> TransformerBlock:
    of_attention, of_weights = jr.split(key)
    return TransformerBlock(attention(of_attention), size, key=of_weights, **sizes)
