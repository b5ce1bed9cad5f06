"""The settings of recalls whose signs alone are judged."""

from typing import Any

from nam_jax.network import AbstractNetwork
from nam_jax.solve import AbstractUpdates, Flow

COARSE = Flow(rest=1e-2, rtol=1e-3, atol=1e-4)
"""Settings whose `rest` and tolerances are ten times those of `Flow()`.

Rates of recall near capacity are lower with them; docs/results/benchmarks.md says by how much.
"""


def coarse(network: AbstractNetwork, updates: AbstractUpdates | None = None) -> Any:
    """Returns the settings with which measures recall by `network`.

    Args:
        network: Any network.
        updates: The updates of a discrete network; None for all neurons at once.
    """
    return network.by_kind(flows=lambda _: COARSE, updates=lambda _: updates, passes=lambda _: None)
