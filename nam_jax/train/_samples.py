"""Samples: batches of damaged patterns, with fresh damage at each step."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from nam_jax import data
from nam_jax._misc import argument_error
from nam_jax._types import Key, Patterns, Scalar
from nam_jax.network import Drive
from nam_jax.train._routes import Sample


class Minibatches(eqx.Module):
    """Draws rows without replacement and makes samples of them: the `batches` of `fit`.

    Attributes:
        rows: One array, or a tree of arrays, with a leading axis K, such as patterns (K, N).
        make: `make(rows, key=key)`, a batch of samples from some of the rows, such as
            `jax.tree_util.Partial(denoising_samples, fraction=0.1)`. Calls of `fit` with equal
            `Partial` objects share a compiled program; calls with lambdas do not.
        size: Rows a batch, at most K.
    """

    rows: Any
    make: Callable[..., Sample]
    size: int = eqx.field(static=True)

    def __init__(
        self, rows: Any, make: Callable[..., Sample] | None = None, size: int | None = None
    ):
        """Keeps the rows.

        Args:
            rows: See the attributes.
            make: See the attributes; by default recall from cues with a tenth of the signs flipped.
            size: Rows a batch; by default 32, or all if there are fewer.

        Raises:
            ValueError: If `rows` holds no arrays with one common leading axis, or `size` is not
                from 1 to K.
        """
        counts = {(*jnp.shape(leaf), 0)[0] for leaf in jax.tree.leaves(rows)}
        if len(counts) != 1 or 0 in counts:
            requirement = "hold arrays with one common leading axis"
            raise argument_error("rows", requirement, f"lengths {sorted(counts)}")
        (count,) = counts
        self.rows = rows
        self.make = _DENOISING if make is None else make
        self.size = min(32, count) if size is None else size
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
        fraction: Share of the entries that are flipped, in [0, 1].
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
        visible: (N,), true where a neuron is shown; the others are asked for.
        strength: Drive of a visible neuron whose entry is 1. None for no drive, if a
            [`nam_jax.train.ClampedRoute`][] holds the visible neurons instead.
        spread: Hidden neurons of the cue start from random signs times this number.
        key: Random key.

    Returns:
        A batch of K samples.

    Raises:
        ValueError: If `visible` does not have one entry a neuron.
    """
    _check_mask("visible", visible, patterns)
    guess = spread * jax.random.rademacher(key, patterns.shape, patterns.dtype)
    shown = visible[None, :]
    cues = jnp.where(shown, patterns, guess)
    drive = None
    if strength is not None:
        drive = Drive(neural=jnp.asarray(strength, cues.dtype) * jnp.where(shown, patterns, 0))
    return Sample(cues, patterns, drive, jnp.broadcast_to(~shown, patterns.shape))


def held_samples(
    patterns: Patterns,
    *,
    fraction: float | Scalar,
    strength: float | Scalar,
    hidden: float = 0.3,
    occluded: Bool[Array, " occluded"] | None = None,
    key: Key,
) -> Sample:
    """Each pattern to be recalled at hidden neurons, while a drive holds the others at a cue.

    A random share `hidden` of the neurons is hidden; the cue of the others has flipped signs. With
    `occluded`, every fourth sample hides those neurons instead, and flips none of the others. The
    drive makes the equilibrium, and so its gradient, depend on the cue. Without a drive, saturated
    neurons rest in some memory, right or wrong, that small changes of the network do not move.

    Args:
        patterns: (K, N).
        fraction: Share of the entries that are flipped, in [0, 1].
        strength: Drive of a neuron whose cue entry is 1; a strength of v times the leak holds it
            near the voltage v.
        hidden: Share in [0, 1] of the neurons that are hidden.
        occluded: (N,), true where every fourth sample hides a neuron; None for no such samples.
        key: Random key.

    Returns:
        A batch of K samples, whose cue is 0 at hidden neurons, which are asked for.

    Raises:
        ValueError: If `hidden` is out of range, or `occluded` does not have one entry a neuron.
    """
    if not 0 <= hidden <= 1:
        raise argument_error("hidden", "lie in [0, 1]", f"{hidden}")
    flips_key, hidden_key = jax.random.split(key)
    is_hidden = jax.random.bernoulli(hidden_key, hidden, patterns.shape)
    cues = denoising_samples(patterns, fraction, key=flips_key).cue
    if occluded is not None:
        _check_mask("occluded", occluded, patterns)
        fourth = (jnp.arange(len(patterns)) % 4 == 0)[:, None]
        is_hidden = jnp.where(fourth, occluded[None, :], is_hidden)
        cues = jnp.where(fourth, patterns, cues)
    cues = jnp.where(is_hidden, 0, cues)
    drive = Drive(neural=jnp.asarray(strength, cues.dtype) * cues)
    return Sample(cues, patterns, drive, jnp.broadcast_to(is_hidden, patterns.shape))


_DENOISING = jax.tree_util.Partial(denoising_samples, fraction=0.1)


def sequence_samples(num_pairs: Int[Array, " K"], task: data.RecallTask, *, key: Key) -> Sample:
    """Sequences of an associative-recall task, for [`nam_jax.train.TokenCrossEntropy`][].

    Args:
        num_pairs: (K,), the number of pairs of each sequence.
        task: The task, which draws a sequence.
        key: Random key.

    Returns:
        A batch of K samples.
    """
    keys = jax.random.split(key, len(num_pairs))
    drawn = jax.vmap(lambda count, key: task(count, key=key))(num_pairs, keys)
    return Sample(drawn.tokens, drawn.targets)


def _check_mask(name: str, mask: Bool[Array, " mask"], patterns: Patterns) -> None:
    if mask.shape != patterns.shape[1:]:
        requirement = f"have shape {patterns.shape[1:]}, one entry a neuron"
        raise argument_error(name, requirement, f"shape {mask.shape}")
