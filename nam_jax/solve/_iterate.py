"""Discrete networks: updates of all neurons at once until nothing flips."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from nam_jax._types import Pattern, Scalar
from nam_jax.network import AbstractDiscreteNetwork
from nam_jax.solve._result import RESULTS, all_finite


def iterate(
    network: AbstractDiscreteNetwork, state: Pattern, max_steps: int
) -> tuple[Pattern, Scalar, Int[Array, ""], RESULTS]:
    """Synchronous updates until a fixed point, a cycle of two states, or `max_steps`.

    Returns:
        The last state, the fraction of neurons that one more update would flip, the number of
        updates that changed something, and how it ended.
    """

    def update(state: Pattern) -> Pattern:
        field = network.local_field(state)
        return jnp.where(field == 0, state, jnp.sign(field))

    def unfinished(carry: tuple[Pattern, Pattern, Pattern, Array]) -> Bool[Array, ""]:
        before, state, after, count = carry
        moving = jnp.any(after != state) & jnp.any(after != before)
        return moving & (count < max_steps) & all_finite(after)

    def advance(
        carry: tuple[Pattern, Pattern, Pattern, Array],
    ) -> tuple[Pattern, Pattern, Pattern, Array]:
        _, state, after, count = carry
        return state, after, update(after), count + 1

    # NaN never equals the first `after`, so the first update is no cycle.
    start = (jnp.full_like(state, jnp.nan), state, update(state), jnp.asarray(0))
    before, state, after, count = jax.lax.while_loop(unfinished, advance, start)
    flips = jnp.mean((after != state).astype(state.dtype))
    result = RESULTS.where(jnp.all(after == before), RESULTS.cycled, RESULTS.step_limit)
    result = RESULTS.where(flips == 0, RESULTS.converged, result)
    return state, flips, count, RESULTS.where(all_finite(after), result, RESULTS.non_finite)
