"""Random patterns: independent, correlated or sparse, and random memories of k neurons."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, DTypeLike

from nam_jax._misc import argument_error, check_key
from nam_jax._types import Key, Patterns


def random_patterns(
    num_patterns: int, num_neurons: int, *, key: Key, dtype: DTypeLike | None = None
) -> Patterns:
    """Returns independent patterns whose entries are -1 or +1 with probability 1/2.

    Args:
        num_patterns: K >= 1.
        num_neurons: N >= 1.
        key: Random key.
        dtype: Floating dtype of the result; JAX's default if None.

    Returns:
        Patterns in {-1, +1}, shape (K, N).

    Raises:
        ValueError: If K or N is smaller than 1.
    """
    check_key(key)
    _check_sizes(num_patterns, num_neurons)
    dtype = jnp.result_type(float) if dtype is None else dtype
    return jax.random.rademacher(key, (num_patterns, num_neurons)).astype(dtype)


def correlated_patterns(
    num_patterns: int, num_neurons: int, *, correlation: float, key: Key
) -> Patterns:
    """Returns patterns in {-1, +1} whose mean overlap is `correlation`.

    All patterns resemble one random template: entry i of a pattern equals entry i of the template
    with probability (1 + sqrt(correlation)) / 2, independently. Therefore E[xi_mu,i xi_nu,i] =
    correlation for mu != nu, and every entry is -1 or +1 with probability 1/2.

    Args:
        num_patterns: K >= 1.
        num_neurons: N >= 1.
        correlation: Expected overlap of two patterns, in [0, 1].
        key: Random key.

    Returns:
        Patterns in {-1, +1}, shape (K, N), in JAX's default floating dtype.

    Raises:
        ValueError: If K or N is smaller than 1, or the correlation is outside [0, 1].
    """
    check_key(key)
    _check_sizes(num_patterns, num_neurons)
    if not 0 <= correlation <= 1:
        raise argument_error("correlation", "lie in [0, 1]", f"{correlation}")
    template_key, copy_key = jax.random.split(key)
    template = random_patterns(1, num_neurons, key=template_key)
    copied = (1 + correlation**0.5) / 2
    same = jax.random.bernoulli(copy_key, copied, (num_patterns, num_neurons))
    return jnp.where(same, template, -template)


def sparse_patterns(num_patterns: int, num_neurons: int, *, activity: float, key: Key) -> Patterns:
    """Returns independent patterns whose entries are 1 with probability `activity`, else 0.

    Args:
        num_patterns: K >= 1.
        num_neurons: N >= 1.
        activity: Expected fraction of ones, in [0, 1].
        key: Random key.

    Returns:
        Patterns in {0, 1}, shape (K, N), in JAX's default floating dtype.

    Raises:
        ValueError: If K or N is smaller than 1, or the activity is outside [0, 1].
    """
    check_key(key)
    _check_sizes(num_patterns, num_neurons)
    if not 0 <= activity <= 1:
        raise argument_error("activity", "lie in [0, 1]", f"{activity}")
    ones = jax.random.bernoulli(key, activity, (num_patterns, num_neurons))
    return ones.astype(jnp.result_type(float))


def random_members(num_neurons: int, num_members: int, *, key: Key) -> Bool[Array, " N"]:
    """Returns a random memory: a mask of exactly `num_members` of `num_neurons` neurons.

    Args:
        num_neurons: N, at least 1.
        num_members: k, from 0 to N.
        key: Random key.

    Returns:
        Booleans, shape (N,), true for the k members.

    Raises:
        ValueError: If a number is outside its range.
    """
    check_key(key)
    if num_neurons < 1:
        raise argument_error("num_neurons", "be at least 1", num_neurons)
    if not 0 <= num_members <= num_neurons:
        raise argument_error("num_members", f"lie in 0, ..., {num_neurons}", num_members)
    return jax.random.permutation(key, jnp.arange(num_neurons) < num_members)


def _check_sizes(num_patterns: int, num_neurons: int) -> None:
    for name, size in (("num_patterns", num_patterns), ("num_neurons", num_neurons)):
        if size < 1:
            raise argument_error(name, "be at least 1", f"{size}")
