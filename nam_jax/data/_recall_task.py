"""Associative recall as sequences: pairs of key and value, then keys that ask for their values."""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int

from nam_jax._misc import argument_error, check_key
from nam_jax._types import Key

NOT_ASKED = -1
"""The target at positions that are not queries."""


class RecallSequence(eqx.Module):
    """One sequence, or a batch of sequences.

    Attributes:
        tokens: k_1 v_1 k_2 v_2 ..., then the queries, then padding; shape (T,).
        targets: The value of the key at each query, `NOT_ASKED` at other positions; shape (T,).
    """

    tokens: Int[Array, "*batch T"]
    targets: Int[Array, "*batch T"]


class RecallTask(eqx.Module):
    """Draws sequences: distinct random keys, a random value after each key, and queries.

    Tokens 0 to M - 1 are values. The next tokens are keys: first `num_keys` keys for training, then
    `num_keys` keys that are held out from training. The last token is padding. Queries are distinct
    keys of the sequence. After Arora et al., arXiv 2312.04927 (multi-query associative recall).

    Attributes:
        num_values: M, at least 2.
        num_keys: Number of keys in each of the two sets, at least `most_pairs`.
        most_pairs: Largest number of pairs in a sequence; a sequence with fewer pairs is padded at
            the end.
        num_queries: Number of queries in a sequence. A sequence with fewer pairs than this has one
            query for each pair.
        held_out: Whether to draw keys from the set held out from training.

    Raises:
        ValueError: If a number is below its smallest value.
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
        """Number of all tokens: values, keys of both sets, and padding."""
        return self.num_values + 2 * self.num_keys + 1

    def __call__(self, num_pairs: int | Int[Array, ""], *, key: Key) -> RecallSequence:
        """Returns one random sequence.

        Args:
            num_pairs: Number of pairs, from 1 to `most_pairs`; not checked, as it may be traced.
            key: Random key.

        Returns:
            Tokens and targets, each of length 2 `most_pairs` + min(`num_queries`, `most_pairs`),
            whatever `num_pairs` is. For example, with `most_pairs` = 3, `num_queries` = 1 and
            `num_pairs` = 2 the tokens are k1 v1 k2 v2 q pad pad.
        """
        # Keys are distinct without a sort of all keys. With room for 3 pairs and 6 keys, the set is
        # cut into 3 shares {0, 1}, {2, 3}, {4, 5}, the shares are put in random order, and one key
        # is drawn from every share. With 8 keys the shares leave out 2 keys, so the set is turned
        # by a random number of places first, and every key has the same probability.
        check_key(key)
        of_order, of_keys, of_values, of_queries, of_turn = jr.split(key, 5)
        most = self.most_pairs
        share = self.num_keys // most
        order = jnp.argsort(jr.uniform(of_order, (most,)))
        number = share * order + jr.randint(of_keys, (most,), 0, share)
        if self.num_keys % most:
            number = (number + jr.randint(of_turn, (), 0, self.num_keys)) % self.num_keys
        keys = self.num_values + self.held_out * self.num_keys + number
        values = jr.randint(of_values, (most,), 0, self.num_values)
        pairs = jnp.stack([keys, values], axis=1).ravel()
        # Queries are the pairs of lowest rank. Pairs of the sequence have random ranks below 1;
        # pairs beyond `num_pairs` have rank 2 and come last.
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
        """Returns random codes of all tokens.

        A code of a value has random bits -1 and +1 in its first half and zeros in the second half.
        A code of a key has zeros in the first half and random bits in the second. The code of the
        padding has only zeros.

        Args:
            size: Numbers in a code, even and at least 2.
            key: Random key.

        Returns:
            Codes, one row for each of the V = `num_tokens` tokens, shape (V, size).

        Raises:
            ValueError: If `size` is odd or below 2.
        """
        check_key(key)
        if size < 2 or size % 2:
            raise argument_error("size", "be an even number of at least 2", size)
        bits = jr.rademacher(key, (self.num_tokens, size // 2)).astype(jnp.result_type(float))
        token = jnp.arange(self.num_tokens)
        is_value = token < self.num_values
        is_key = ~is_value & (token < self.num_tokens - 1)
        halves = [jnp.where(chosen[:, None], bits, 0) for chosen in (is_value, is_key)]
        return jnp.concatenate(halves, axis=1)
