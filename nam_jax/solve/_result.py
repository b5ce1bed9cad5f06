"""The results of solves, with a sentence for each, and the residual that tells rest."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int

from nam_jax._misc import brief
from nam_jax._types import Scalar
from nam_jax.network import AbstractContinuousNetwork


class RESULTS(eqx.Enumeration):
    """The ways in which a solve ends. `RESULTS[result]` is the sentence of a result."""

    converged = "The network came to rest."
    time_reached = "The end time was reached before the network came to rest."
    step_limit = "The step limit was reached before the network came to rest; raise `max_steps`."
    non_finite = "A state was NaN or infinite, or the solver could not make its step small enough."
    energy_rose = "The energy rose by more than the tolerance allows; tighten `rtol` and `atol`."
    cycled = "The updates of a discrete network came back to an earlier state."
    passed = "The feedforward network made its passes; it is not brought to rest."
    not_stable = (
        "No derivative was computed: the equilibrium is not stable, or too close to a critical "
        "point for its residual. Lower `rest`, or move away from the critical point."
    )
    adjoint_limit = (
        "The equation behind the derivative was not solved to its tolerance; raise `max_steps` or "
        "`tolerance` of `Implicit`, or move away from the critical point."
    )


RESULTS.__module__ = "nam_jax.solve"  # where users find it: printing a result names it

FLOOR = 1e-3
"""Size of a layer below which rest is judged absolutely, by default: atol / rtol of `Flow()`."""

OUTCOMES: tuple[str, ...] = tuple(RESULTS._name_to_item)
"""The names of all results, in the order of the class; `outcome` returns an index into it."""


def outcome(result: RESULTS) -> Int[Array, ""]:
    """Returns the index of `result` in `OUTCOMES`, an array that can be saved and batched.

    Args:
        result: The result of one sample.
    """
    return jnp.argmax(jnp.stack([result == getattr(RESULTS, name) for name in OUTCOMES]))


def sentences(result: RESULTS) -> list[str]:
    """Returns the sentences of the samples, in a list.

    Args:
        result: A result, or a batch of results along one axis.
    """
    indices = jnp.atleast_1d(jax.vmap(outcome)(jax.tree.map(jnp.atleast_1d, result)))
    return [RESULTS[getattr(RESULTS, OUTCOMES[int(index)])] for index in indices]


def brief_result(value: Any) -> str:
    """Returns the text of a field of a solution: the names of results, or numbers."""
    if not isinstance(value, RESULTS):
        return brief(value)
    if value.is_traced():
        return "not known yet"
    indices = np.atleast_1d(jax.device_get(jax.vmap(outcome)(jax.tree.map(jnp.atleast_1d, value))))
    counts = {name: int((indices == i).sum()) for i, name in enumerate(OUTCOMES)}
    met = {name: count for name, count in counts.items() if count}
    if len(indices) == 1:
        return next(iter(met))
    return ", ".join(f"{count} {name}" for name, count in met.items())


def residual(
    network: AbstractContinuousNetwork,
    state: Any,
    drive: Any = None,
    t: Scalar | float = 0.0,
    *,
    floor: Scalar | float = FLOOR,
) -> Scalar:
    """Returns how far `state` is from rest: the largest relative speed of a layer, dimensionless.

    The speed of a layer u is its time scale times max |du/dt|, divided by `floor` + max |u|. The
    time scale times du/dt is the sum of the forces on u minus u. So the residual compares what is
    left of the balance with the size of the forces that balance. For example, a time scale of 2,
    du/dt = 0.04, u = 4 and a small floor give 2 * 0.04 / 4 = 0.02.

    Args:
        network: Any continuous network.
        state: One sample's state.
        drive: The network's inputs; None for no inputs.
        t: Time at which the drive is taken.
        floor: Size of a layer below which its speed counts as absolute, so that a layer that
            decays to 0 comes to rest. Recalls take atol / rtol of their [`nam_jax.solve.Flow`][],
            as errors of smaller states are absolute; the default is that of `Flow()`.

    Raises:
        ValueError: If the network takes no such drive.
    """
    return speed(state, network.vector_field(t, state, drive), network.time_scales(), floor)[0]


def speed(
    state: Any, velocity: Any, time_scales: Any, floor: Scalar | float
) -> tuple[Scalar, Scalar]:
    """Returns the residual, and the largest |entry| of the state.

    Args:
        state: One sample's state.
        velocity: The vector field at `state`.
        time_scales: The relaxation time of each layer.
        floor: As for [`nam_jax.solve.residual`][].
    """

    def of_layer(u: Array, v: Array, scale: Array | float) -> tuple[Array, Array]:
        largest, change = jnp.max(jnp.abs(u)), jnp.max(jnp.abs(v))
        size = jnp.asarray(floor, u.dtype) + largest
        # A layer of zeros that stays at zero is at rest, also with a floor of 0. If it moves, its
        # residual is the largest number: infinity would mean that the state is not finite.
        moving = jnp.asarray(scale, u.dtype) * change / jnp.where(size == 0, 1, size)
        starts = (size == 0) & (change > 0) & jnp.isfinite(change)
        return jnp.where(starts, jnp.finfo(u.dtype).max, moving), largest

    leaves = zip(*map(jax.tree.leaves, (state, velocity, time_scales)), strict=True)
    residuals, sizes = zip(*(of_layer(*layer) for layer in leaves), strict=True)
    return jnp.max(jnp.stack(residuals)), jnp.max(jnp.stack(sizes))


def all_finite(state: Any) -> Bool[Array, ""]:
    """Returns whether every entry of every layer is finite."""
    return jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(state)]))
