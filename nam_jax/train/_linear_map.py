"""Logistic regression: a linear map from damaged inputs to sets."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import optax
from jaxtyping import Array, Float

from nam_jax._misc import argument_error, check_key
from nam_jax._precision import full
from nam_jax._types import Key, Patterns, Scalar
from nam_jax.memory import LinearMap


@eqx.filter_jit
@full
def fit_linear_map(
    inputs: Patterns,
    answers: Float[Array, "K M"],
    *,
    erased: float = 0.0,
    optimizer: optax.GradientTransformation,
    num_steps: int,
    key: Key,
) -> tuple[LinearMap, Float[Array, " steps"]]:
    """Fits a linear map from inputs to the log odds of being a member of a set.

    Each step of the optimizer uses all K pairs of an input and a set.

    Args:
        inputs: (K, N).
        answers: (K, M), 1 for the members of the set that belongs to an input, otherwise 0.
        erased: Share in [0, 1) of the entries of an input that are set to 0, drawn anew each step.
        optimizer: An optimizer of Optax with its learning rate.
        num_steps: Number of steps, at least 1.
        key: Random key of the erased entries.

    Returns:
        The map; and the losses, (num_steps,): the cross-entropy in nats, summed over the M entries
        and averaged over pairs.

    Raises:
        ValueError: If `erased` or `num_steps` is out of range, or shapes do not fit.
    """
    _check(inputs, answers, erased, num_steps)
    check_key(key)
    share = jnp.clip(jnp.mean(answers, axis=0), 1e-3, 1 - 1e-3)
    weights = jnp.zeros((answers.shape[1], inputs.shape[1]), inputs.dtype)
    start: Any = LinearMap(weights, jnp.log(share / (1 - share)).astype(inputs.dtype))

    def loss(current: Any, key: Key) -> Scalar:
        kept = jr.bernoulli(key, 1 - erased, inputs.shape)
        odds = jax.vmap(current)(jnp.where(kept, inputs, 0))
        errors = optax.sigmoid_binary_cross_entropy(odds, answers.astype(odds.dtype))
        return jnp.mean(jnp.sum(errors, axis=1))

    def step(
        carry: tuple[Any, optax.OptState], key: Key
    ) -> tuple[tuple[Any, optax.OptState], Scalar]:
        current, state = carry
        value, gradient = jax.value_and_grad(loss)(current, key)
        with jax.numpy_dtype_promotion("standard"):  # Optax counts its steps in int32
            update, state = optimizer.update(gradient, state, current)
            return (optax.apply_updates(current, update), state), value

    carry = (start, optimizer.init(start))
    (fitted, _), losses = jax.lax.scan(step, carry, jr.split(key, num_steps))
    return fitted, losses


def _check(inputs: Patterns, answers: Array, erased: float, num_steps: int) -> None:
    if len(inputs) != len(answers):
        requirement = f"have {len(inputs)} rows, one for each input"
        raise argument_error("answers", requirement, f"shape {answers.shape}")
    if not 0 <= erased < 1:
        raise argument_error("erased", "lie in [0, 1)", erased)
    if num_steps < 1:
        raise argument_error("num_steps", "be at least 1", num_steps)
