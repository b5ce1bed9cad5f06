"""Splits networks and states over devices along the axes that `row_axes` declares."""

from typing import Any

import equinox as eqx
import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec


def split_rows(tree: Any, axes: Any, mesh: Mesh, name: str) -> Any:
    """Returns `tree` with its arrays placed on the devices of a mesh.

    Example: `split_rows(network, network.row_axes()[0], mesh, "rows")`.

    Args:
        tree: A network, or a state of a network.
        axes: The axes of `tree`: the first tree that `network.row_axes()` returns for a network,
            the second for a state.
        mesh: The devices.
        name: The axis of `mesh` over which rows are split.

    Returns:
        The same tree. An array with an axis in `axes` is split along that axis. Every other array
        is copied to all devices.

    Raises:
        ValueError: From JAX, if the length of a split axis is no multiple of the number of devices.
    """

    def place(axis: int | None, leaf: Any) -> Any:
        if not eqx.is_array(leaf):
            return leaf
        spec = PartitionSpec() if axis is None else PartitionSpec(*[None] * axis, name)
        return jax.device_put(leaf, NamedSharding(mesh, spec))

    return jax.tree.map(place, axes, tree, is_leaf=lambda axis: axis is None)
