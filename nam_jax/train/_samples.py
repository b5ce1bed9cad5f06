"""Samples: patterns with fresh damage at each step."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from nam_jax import data
from nam_jax._misc import argument_error
from nam_jax._types import Key, Patterns
from nam_jax.network import Drive
from nam_jax.train._routes import Sample


class Minibatches(eqx.Module):
    """Draws rows without return and makes samples of them: the `batches` of `fit`.

    Attributes:
        rows: Arrays with a leading axis K: patterns, or patterns and labels.
        make: `make(rows, key=key)`, a batch of samples from some of the rows, such as
            `jax.tree_util.Partial(denoising_samples, fraction=0.1)`, of which equal ones, unlike
            lambdas, share a compiled program.
        size: Rows a batch, at most K.
    """

    rows: Any
    make: Callable[..., Sample]
    size: int = eqx.field(static=True)

    def __check_init__(self):
        count = len(jax.tree.leaves(self.rows)[0])
        if not 1 <= self.size <= count:
            raise argument_error("size", f"lie between 1 and the {count} rows", f"{self.size}")

    def __call__(self, key: Key) -> Sample:
        """A batch; the same for the same key."""
        choice, damage = jax.random.split(key)
        count = len(jax.tree.leaves(self.rows)[0])
        chosen = jax.random.permutation(choice, count)[: self.size]
        return self.make(jax.tree.map(lambda rows: rows[chosen], self.rows), key=damage)


def denoising_samples(
    patterns: Patterns, fraction: float | Float[Array, ""], *, key: Key
) -> Sample:
    """Each pattern to be recalled from a cue with flipped signs.

    Args:
        patterns: (K, N).
        fraction: Of the entries that are flipped, in [0, 1].
        key: Random key.

    Returns:
        A batch of K samples.
    """
    keys = jax.random.split(key, len(patterns))
    cues = jax.vmap(lambda pattern, key: data.flip(pattern, fraction, key=key))(patterns, keys)
    return Sample(cues, patterns)


def completion_samples(
    patterns: Patterns,
    visible: Bool[Array, " visible"],
    *,
    strength: float | None = None,
    spread: float = 0.0,
    key: Key,
) -> Sample:
    """Each pattern to be completed from its visible neurons.

    Args:
        patterns: (K, N).
        visible: (N,), true where a neuron is shown; losses should count the others.
        strength: Visible neurons are driven by this times their entry, and hidden ones by nothing.
            None for no drive, where they are held (see [`nam_jax.train.ClampedRoute`][]).
        spread: Hidden neurons of the cue start from random signs times this.
        key: Random key.

    Returns:
        A batch of K samples.

    Raises:
        ValueError: If `visible` does not have one entry a neuron.
    """
    if visible.shape != patterns.shape[1:]:
        requirement = f"have shape {patterns.shape[1:]}, one entry a neuron"
        raise argument_error("visible", requirement, f"shape {visible.shape}")
    guess = spread * jax.random.rademacher(key, patterns.shape, patterns.dtype)
    shown = visible[None, :]
    cues = jnp.where(shown, patterns, guess)
    if strength is None:
        return Sample(cues, patterns)
    return Sample(cues, patterns, Drive(neural=strength * jnp.where(shown, patterns, 0)))


def with_labels(
    patterns: Patterns, labels: Int[Array, " K"], num_labels: int
) -> Float[Array, "K M"]:
    """Patterns with one more neuron a label: +1 for their own, -1 for the others.

    Args:
        patterns: (K, N).
        labels: (K,), from 0 to C - 1.
        num_labels: C.

    Returns:
        (K, N + C).
    """
    own = jax.nn.one_hot(labels, num_labels, dtype=patterns.dtype)
    return jnp.concatenate([patterns, 2 * own - 1], axis=1)


def label_samples(
    patterns: Patterns,
    labels: Int[Array, " K"],
    num_labels: int,
    fraction: float | Float[Array, ""],
    *,
    key: Key,
) -> Sample:
    """Each pattern, with flipped signs and silent label units, to recall its label.

    Args:
        patterns: (K, N), without label units.
        labels: (K,), from 0 to C - 1.
        num_labels: C.
        fraction: Of the N entries that are flipped, in [0, 1].
        key: Random key.

    Returns:
        A batch of K samples with cues (N + C,) and one-hot targets (C,).
    """
    damaged = denoising_samples(patterns, fraction, key=key).cue
    silent = jnp.zeros((len(patterns), num_labels), patterns.dtype)
    targets = jax.nn.one_hot(labels, num_labels, dtype=patterns.dtype)
    return Sample(jnp.concatenate([damaged, silent], axis=1), targets)


def read_label(readout: Float[Array, "*batch M"], num_labels: int) -> Int[Array, "*batch"]:
    """The label whose unit is most active, the units being the last C of N + C neurons."""
    return jnp.argmax(readout[..., -num_labels:], axis=-1)


def sequence_samples(num_pairs: Int[Array, " K"], task: data.RecallTask, *, key: Key) -> Sample:
    """Sequences of an associative-recall task, for [`nam_jax.train.TokenCrossEntropy`][].

    Args:
        num_pairs: (K,), pairs of each sequence.
        task: What draws them.
        key: Random key.

    Returns:
        A batch of K samples.
    """
    keys = jax.random.split(key, len(num_pairs))
    drawn = jax.vmap(lambda count, each: task(count, key=each))(num_pairs, keys)
    return Sample(drawn.tokens, drawn.targets)
