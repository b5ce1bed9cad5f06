"""Samples over many devices, where each device runs its own loops and waits for no other."""

# Example: five cues on two devices are three rows on each. Row i of all is row i // 2 of device
# i % 2, so that cues that are sorted by how hard they are do not all meet on one device:
#
#     device 0: 0 2 4        device 1: 1 3 5, where 5 only fills up

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from nam_jax._misc import argument_error

AXIS = "devices"
"""The name of the one axis of a mesh."""


def mesh_of(devices: Sequence[Any]) -> Mesh:
    """Returns the mesh of some devices of this process.

    Raises:
        ValueError: If there are none, one stands twice, or they are not devices of one platform in
            this process.
    """
    requirement = "be devices of one platform, such as `jax.local_devices()`"
    if not all(isinstance(device, jax.Device) for device in devices):
        kinds = sorted({type(device).__name__ for device in devices})
        raise argument_error("devices", requirement, f"the types {', '.join(kinds)}")
    if len({device.platform for device in devices}) != 1:
        raise argument_error("devices", requirement, f"{len(devices)} of them")
    if len(set(devices)) < len(devices):
        raise argument_error("devices", "hold each device once", f"{list(devices)}")
    if any(device.process_index != jax.process_index() for device in devices):
        requirement = "be devices of this process, such as `jax.local_devices()`"
        raise argument_error("devices", requirement, "a device of another process")
    return Mesh(np.asarray(devices), (AXIS,))


def rows_of_devices(num: int, num_devices: int) -> np.ndarray:
    """Returns the rows of the devices, (devices, rows); those of `num` and above fill up."""
    count = -(-num // num_devices)
    return np.arange(count * num_devices).reshape(count, num_devices).T


def in_order(tree: Any, num: int) -> Any:
    """Returns what devices computed of their rows, in the order of all `num` rows.

    Args:
        tree: Arrays on the host of shape (devices, rows, ...).
        num: The number of rows of all devices that do not fill up.
    """
    return jax.tree.map(lambda leaf: leaf.swapaxes(0, 1).reshape(-1, *leaf.shape[2:])[:num], tree)


def placed(tree: Any, mesh: Mesh | None, *, spread: bool) -> Any:
    """Returns `tree` with its arrays on the devices of `mesh`; without a mesh as it is.

    Args:
        tree: Any tree.
        mesh: The mesh, or None.
        spread: Whether arrays have a leading axis of devices; if not, every device has a copy.
    """
    if mesh is None:
        return tree
    sharding = NamedSharding(mesh, PartitionSpec(AXIS) if spread else PartitionSpec())
    arrays, rest = eqx.partition(tree, eqx.is_array)
    return eqx.combine(jax.device_put(arrays, sharding), rest)


def on_each_device(
    function: Callable[[Any, Any], Any], spread: Any, same: Any, mesh: Mesh | None
) -> Any:
    """Returns `function(own, same)` of every device, with a leading axis of devices.

    Args:
        function: Called, while a program is traced, with the part of one device. It returns arrays.
        spread: A tree of arrays with a leading axis of devices.
        same: A tree of arrays that all devices have.
        mesh: The devices; None for a single one, the one in use.
    """
    arrays, rest = eqx.partition((spread, same), eqx.is_array)

    def of_one(spread_arrays: Any, same_arrays: Any) -> Any:
        own = jax.tree.map(lambda leaf: leaf[0], spread_arrays)
        value = function(*eqx.combine((own, same_arrays), rest))
        return jax.tree.map(lambda leaf: leaf[None], value)

    if mesh is None:
        return of_one(*arrays)
    # Within `shard_map` a loop is a loop of one device, so that no device waits for another. In
    # JAX 0.10 its check that nothing differs between devices by mistake (`check_vma`) refuses loops
    # that start from constants, and those of Equinox. There is nothing to check here: every input
    # but `same` differs, and so does every output.
    specs = PartitionSpec(AXIS), PartitionSpec()
    mapped = jax.shard_map(
        of_one, mesh=mesh, in_specs=specs, out_specs=PartitionSpec(AXIS), check_vma=False
    )
    return mapped(*arrays)
