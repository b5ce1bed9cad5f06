"""Gradient routes by their names in configs, and the optimizer of all studies that train."""

import optax

from nam_jax.solve import Flow
from nam_jax.train import (
    AbstractRoute,
    EquilibriumPropagation,
    ImplicitRoute,
    ThroughSolver,
    Truncated,
)

FLOW = Flow()


def gradient_routes(how: Flow = FLOW) -> dict[str, AbstractRoute]:
    """Returns all gradient routes by their names in configs.

    Args:
        how: How the routes bring a network to rest.
            Equilibrium propagation keeps its own, because it compares two equilibria that differ
            by little.
    """
    return {
        "implicit": ImplicitRoute(how=how),
        "through_solver": ThroughSolver(how),
        "equilibrium_propagation": EquilibriumPropagation(),
        "truncated": Truncated(how=how),
    }


def cosine_adam(learning_rate: float, steps: int) -> optax.GradientTransformation:
    """Returns Adam on gradients that are clipped to a norm of 1; the rate falls to 0 as a cosine.

    Args:
        learning_rate: The rate at the first step.
        steps: Number of steps after which the rate is 0.
    """
    schedule = optax.cosine_decay_schedule(learning_rate, steps)
    return optax.chain(optax.clip_by_global_norm(1.0), optax.adam(schedule))
