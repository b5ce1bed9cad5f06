"""Gradient routes by their names in configs, and the optimizer of all studies that train."""

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
    """Returns all gradient routes by their names in configs.

    Args:
        effort: Tolerances with which the routes solve for an equilibrium; by default `Effort()`.
            Equilibrium propagation keeps its own, because it compares two equilibria that differ
            by little.
    """
    effort = Effort() if effort is None else effort
    return {
        "implicit": ImplicitRoute(effort=effort),
        "through_solver": ThroughSolver(effort),
        "equilibrium_propagation": EquilibriumPropagation(),
        "truncated": Truncated(effort=effort),
    }


def cosine_adam(learning_rate: float, steps: int) -> optax.GradientTransformation:
    """Returns Adam on gradients that are clipped to a norm of 1; the rate falls to 0 as a cosine.

    Args:
        learning_rate: The rate at the first step.
        steps: Number of steps after which the rate is 0.
    """
    schedule = optax.cosine_decay_schedule(learning_rate, steps)
    return optax.chain(optax.clip_by_global_norm(1.0), optax.adam(schedule))
