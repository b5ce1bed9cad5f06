"""Tokens to logits by blocks of the Energy Transformer, for the task of this study."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int

from nam_jax._types import Key, Keys
from nam_jax.attention import EnergyBlock
from nam_jax.experiment.transformer._config import TransformerConfig

HEADS = 4
"""Heads of a block: with 2 D patterns, it then has about the weights of a Transformer block."""

Hidden = Float[Array, "T D"]


class EnergyLayer(eqx.Module):
    """A linear map of a token and the token before it, a block, and its normed tokens.

    Attributes:
        mix: From the codes of two tokens, (2 D,), to the token that the block begins with, (D,).
        block: The block.
    """

    mix: eqx.nn.Linear
    block: EnergyBlock

    def __init__(self, size: int, head_size: int, *, key: Key):
        """Draws random weights; tokens have D = `size` numbers."""
        of_mix, of_block = jr.split(key)
        self.mix = eqx.nn.Linear(2 * size, size, use_bias=False, key=of_mix)
        self.block = EnergyBlock.random(
            size, num_heads=HEADS, head_size=head_size, num_memories=2 * size, key=of_block
        )

    def __call__(self, x: Hidden) -> Hidden:
        before = jnp.concatenate([jnp.zeros_like(x[:1]), x[:-1]])
        tokens = jax.vmap(self.mix)(jnp.concatenate([x, before], axis=1))
        return self.block.normed(self.block(tokens))

    def trained(self) -> list[Any]:
        """Returns the parts whose numbers training may change."""
        return [self.mix, *self.block.trained()]


class EnergyTransformer(eqx.Module):
    """Codes of tokens, blocks of the Energy Transformer, a linear head.

    Differs from [`nam_jax.attention.Transformer`][] in its blocks only. Its attention is not
    causal, because the energy joins all tokens: a query also changes the pairs before it, and
    padding takes part. Values of queries are no tokens of the sequence, so that nothing is given
    away.

    Attributes:
        codes: One vector for each of V tokens, (V, D); not trained.
        layers: The blocks with their maps, in the order in which they act.
        head: Linear map from D numbers to the logits.
    """

    codes: Float[Array, "V D"]
    layers: tuple[EnergyLayer, ...]
    head: eqx.nn.Linear

    def __init__(self, config: TransformerConfig, codes: Float[Array, "V D"], *, key: Key):
        """Draws random weights."""
        of_head, of_layers = jr.split(key)
        keys: Keys = jr.split(of_layers, config.num_blocks)
        size = codes.shape[1]
        self.codes = codes
        self.layers = tuple(EnergyLayer(size, config.head_size, key=k) for k in keys)
        self.head = eqx.nn.Linear(size, config.num_values, key=of_head)

    def __call__(self, tokens: Int[Array, " T"]) -> Float[Array, "T C"]:
        """Returns logits at each position.

        Args:
            tokens: Whole numbers from 0 to V - 1, (T,).
        """
        x = self.codes[tokens]
        for layer in self.layers:
            x = layer(x)
        return jax.vmap(self.head)(x)

    def trained(self) -> list[Any]:
        """Returns the parts whose numbers training may change."""
        return [self.head, *(part for layer in self.layers for part in layer.trained())]
