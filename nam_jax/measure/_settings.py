"""How measures recall, where thousands of recalls are judged by their signs only."""

from typing import Any

from nam_jax.network import AbstractNetwork
from nam_jax.solve import AbstractUpdates, Flow

COARSE = Flow(rest=1e-2, rtol=1e-3, atol=1e-4)
"""Ten times less accurate than `Flow()`. docs/recall.md says what that does to rates of recall."""


def coarse(network: AbstractNetwork, updates: AbstractUpdates | None = None) -> Any:
    """Returns the settings with which measures recall by `network`.

    Args:
        network: Any network.
        updates: The updates of a discrete network; None for all neurons at once.
    """
    return network.by_kind(flows=lambda _: COARSE, updates=lambda _: updates, passes=lambda _: None)
