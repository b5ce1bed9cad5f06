"""Associative recall as sequences: pairs of a key and a value, then keys whose values are asked."""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int

from nam_jax._misc import argument_error
from nam_jax._types import Key

NOT_ASKED = -1
"""The target of a token after which nothing is asked."""


class RecallSequence(eqx.Module):
    """One sequence, or a batch of them.

    Attributes:
        tokens: k_1 v_1 k_2 v_2 ... then the queries, then padding; (T,).
        targets: The value that belongs to a query, `NOT_ASKED` at other places; (T,).
    """

    tokens: Int[Array, "*batch T"]
    targets: Int[Array, "*batch T"]


class RecallTask(eqx.Module):
    """Draws sequences: distinct keys in random order, each with a random value, and queries.

    Tokens 0 to M - 1 are values, the next are keys: first those of training, then as many that are
    held out; the last token is padding. Keys are made distinct without a sort of all of them: each
    is drawn from another one of `most_pairs` equal shares of its set, whose order is random.
    Queries are distinct keys of the sequence. After Arora et al., arXiv 2312.04927 (multi-query
    associative recall).

    Attributes:
        num_values: M, at least 2.
        num_keys: Keys in each of both sets; at least `most_pairs`.
        most_pairs: Pairs for which a sequence has room; shorter ones are padded at the end.
        num_queries: Queries of a sequence; where there are fewer pairs, one for each.
        held_out: Whether keys are those held out from training.
    """

    num_values: int = eqx.field(static=True)
    num_keys: int = eqx.field(static=True)
    most_pairs: int = eqx.field(static=True)
    num_queries: int = eqx.field(default=1, static=True)
    held_out: bool = eqx.field(default=False, static=True)

    def __check_init__(self):
        least = {"num_values": 2, "num_keys": self.most_pairs, "most_pairs": 1, "num_queries": 1}
        for name, number in least.items():
            if getattr(self, name) < number:
                raise argument_error(name, f"be at least {number}", getattr(self, name))

    @property
    def num_tokens(self) -> int:
        """All tokens: values, keys of both sets, and padding."""
        return self.num_values + 2 * self.num_keys + 1

    def __call__(self, num_pairs: int | Int[Array, ""], *, key: Key) -> RecallSequence:
        """One sequence of `num_pairs`, from 1 to `most_pairs`."""
        of_order, of_keys, of_values, of_queries = jr.split(key, 4)
        most = self.most_pairs
        share = self.num_keys // most
        order = jnp.argsort(jr.uniform(of_order, (most,)))
        first = self.num_values + self.held_out * self.num_keys
        keys = first + share * order + jr.randint(of_keys, (most,), 0, share)
        values = jr.randint(of_values, (most,), 0, self.num_values)
        pairs = jnp.stack([keys, values], axis=1).ravel()
        # Pairs that are there get random ranks, the others come after them.
        there = jnp.arange(most) < num_pairs
        ranks = jnp.where(there, jr.uniform(of_queries, (most,)), 2.0)
        asked = jnp.argsort(ranks)[: self.num_queries]
        place = jnp.arange(2 * most + len(asked)) - 2 * num_pairs
        query = asked[jnp.clip(place, 0, len(asked) - 1)]
        is_query = (place >= 0) & (place < jnp.minimum(len(asked), num_pairs))
        padded = jnp.pad(pairs, (0, len(asked)))
        padding = self.num_tokens - 1
        tokens = jnp.where(place < 0, padded, jnp.where(is_query, keys[query], padding))
        return RecallSequence(tokens, jnp.where(is_query, values[query], NOT_ASKED))

    def codes(self, size: int, *, key: Key) -> Float[Array, "V size"]:
        """Random codes of all tokens: bits -1 and +1 over half of the numbers, 0 over the rest.

        Codes of values lie in one half and those of keys in the other; padding has zeros.

        Args:
            size: Even, at least 2.
            key: Random key.

        Raises:
            ValueError: If `size` is odd or below 2.
        """
        if size < 2 or size % 2:
            raise argument_error("size", "be an even number of at least 2", size)
        bits = jr.rademacher(key, (self.num_tokens, size // 2)).astype(jnp.result_type(float))
        token = jnp.arange(self.num_tokens)
        is_value = token < self.num_values
        is_key = ~is_value & (token < self.num_tokens - 1)
        halves = [jnp.where(each[:, None], bits, 0) for each in (is_value, is_key)]
        return jnp.concatenate(halves, axis=1)
