"""What studies that train share: gradient routes by their names in configs, and one optimizer."""

import optax

from nam_jax.train import (
    AbstractRoute,
    Effort,
    EquilibriumPropagation,
    ImplicitRoute,
    ThroughSolver,
    Truncated,
)


def gradient_routes(effort: Effort | None = None) -> dict[str, AbstractRoute]:
    """Every gradient route by its name in a config.

    Args:
        effort: How hard the routes look for an equilibrium; by default `Effort()`. Equilibrium
            propagation keeps its own effort, because it compares two equilibria that differ by
            little.
    """
    effort = Effort() if effort is None else effort
    return {
        "implicit": ImplicitRoute(effort=effort),
        "through_solver": ThroughSolver(effort),
        "equilibrium_propagation": EquilibriumPropagation(),
        "truncated": Truncated(effort=effort),
    }


def cosine_adam(learning_rate: float, steps: int) -> optax.GradientTransformation:
    """Adam on gradients of a norm of at most 1; its rate falls to 0 along half a cosine."""
    schedule = optax.cosine_decay_schedule(learning_rate, steps)
    return optax.chain(optax.clip_by_global_norm(1.0), optax.adam(schedule))
