"""Networks and states split over devices by the axes that `row_axes` declares."""

from typing import Any

import equinox as eqx
import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec


def split_rows(tree: Any, axes: Any, mesh: Mesh, name: str) -> Any:
    """`tree` with its arrays on the devices of a mesh.

    Example: `split_rows(network, network.row_axes()[0], mesh, "rows")`.

    Args:
        tree: A network, or a state of it.
        axes: Of the two trees that `network.row_axes()` returns, the one for `tree`.
        mesh: The devices.
        name: The axis of `mesh` over which rows are spread.

    Returns:
        The same tree. An array that has an axis in `axes` is split along it, and every other array
        is copied to all devices.

    Raises:
        ValueError: If the length of such an axis is no multiple of the number of devices (from
            JAX).
    """

    def place(axis: int | None, leaf: Any) -> Any:
        if not eqx.is_array(leaf):
            return leaf
        spec = PartitionSpec() if axis is None else PartitionSpec(*[None] * axis, name)
        return jax.device_put(leaf, NamedSharding(mesh, spec))

    return jax.tree.map(place, axes, tree, is_leaf=lambda axis: axis is None)
