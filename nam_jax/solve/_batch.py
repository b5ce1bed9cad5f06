"""Batches: samples in batches of equal size, and the program that recalls a batch of cues.

What computes many samples in batches, here and in `measure` and in studies, plans them here.
"""

import operator
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from nam_jax.network import AbstractNetwork
from nam_jax.solve._devices import in_order, on_each_device, placed, rows_of_devices
from nam_jax.solve._retrieve import Retrieval, recalled
from nam_jax.solve._updates import AbstractUpdates

AT_ONCE = 2**25
"""Bytes of the samples that are computed at once where the memory of the machine must not matter,
because random numbers are drawn batch by batch or times are compared."""


def at_once(num: int, bytes_of_one: int, most: int | None = None) -> int:
    """Returns how many of `num` samples to compute at once, the same on every machine.

    Args:
        num: The number of samples.
        bytes_of_one: The bytes that one sample needs.
        most: The number above which more samples at once gain nothing; None for no such number.
    """
    fitting = max(1, AT_ONCE // max(bytes_of_one, 1))
    return max(1, min(num, fitting, num if most is None else most))


def batches(num: int, size: int) -> np.ndarray:
    """Returns the indices of samples in batches of equal size, at most `size`, (batches, size).

    Batches of equal size share one compiled program. For example, 7 samples in batches of at most 3
    are (0, 1, 2), (3, 4, 5) and (6, 0, 1): the last one is filled up with the first samples. The
    results of these are dropped by taking the first `num` of all.
    """
    count = -(-num // size)
    size = -(-num // count)
    return (np.arange(count * size) % num).reshape(count, size)


def in_batches(function: Callable[[Any], Any], samples: Any, size: int) -> Any:
    """Applies a batched function to samples in batches of equal size, at most `size`.

    Args:
        function: Function of a batch, a tree of arrays with a leading axis; so is its value.
        samples: The samples, a tree of arrays with a leading axis.
        size: The largest number of samples in a batch.

    Returns:
        The joined values. Those of each batch are moved to the host, so that they need no memory
        of the device meanwhile.
    """
    num = len(jax.tree.leaves(samples)[0])
    parts = [
        jax.device_get(function(jax.tree.map(operator.itemgetter(index), samples)))
        for index in batches(num, size)
    ]
    return jax.tree.map(lambda *leaves: jnp.asarray(np.concatenate(leaves)[:num]), *parts)


class Problem(NamedTuple):
    """What `retrieve_all` recalls.

    Attributes:
        network: The network, or stacked networks.
        cues: (B, N), one cue in a row.
        shared: What all cues share: drive, settings, `silence`, observables and their times.
        stacked: Whether each cue has its own network.
        keep_states: Whether the last states are returned.
        mesh: The devices over which cues are spread; None for the device in use.
    """

    network: AbstractNetwork
    cues: Any
    shared: tuple[Any, ...]
    stacked: bool
    keep_states: bool
    mesh: Mesh | None

    @property
    def num_devices(self) -> int:
        """Number of devices."""
        return 1 if self.mesh is None else self.mesh.size

    def whole(self) -> Retrieval:
        """Returns the recalls of all cues in one batch."""
        index = np.arange(len(self.cues))
        settings = self.shared, self.stacked, self.keep_states
        return recalled_batch(self.network, self.cues, index, *settings)

    def of_rows(self, index: np.ndarray) -> tuple[Any, Any]:
        """Returns the cues of some rows, and their own networks; None if all have the same."""
        return self.cues[index], row_of(self.network, index) if self.stacked else None

    def on_devices(self) -> "Problem":
        """Returns the problem with what all cues share on every device."""
        network = self.network if self.stacked else placed(self.network, self.mesh, spread=False)
        shared = placed(self.shared, self.mesh, spread=False)
        return self._replace(network=network, shared=shared)


def batched(problem: Problem, tell: Callable[[int], None] | None, chosen: np.ndarray) -> Retrieval:
    """Returns the recalls of some cues, of one batch on every device.

    Args:
        problem: The problem, with its cues on the host.
        tell: Called with the number of cues when they are recalled.
        chosen: The rows of the cues.
    """
    num = len(chosen)
    index = chosen[rows_of_devices(num, problem.num_devices) % num]
    own = placed((*problem.of_rows(index), index), problem.mesh, spread=True)
    common = problem.network if not problem.stacked else None, problem.shared
    settings = problem.stacked, problem.keep_states
    part = in_order(jax.device_get(_on_devices(own, common, problem.mesh, *settings)), num)
    if tell is not None:
        tell(num)
    return part


@eqx.filter_jit
def _on_devices(
    own: Any, common: Any, mesh: Mesh | None, stacked: bool, keep_states: bool
) -> Retrieval:
    def on_one(own: Any, common: Any) -> Retrieval:
        cues, networks, indices = own
        network, shared = common
        network = networks if stacked else network
        return batch_of(network, cues, indices, shared, stacked, keep_states)

    return on_each_device(on_one, own, common, mesh)


def batch_of(
    network: AbstractNetwork,
    cues: Any,
    indices: Any,
    shared: tuple[Any, ...],
    stacked: bool,
    keep_states: bool,
) -> Retrieval:
    """Returns the recalls of one batch; `indices` are the rows of its cues among all cues."""
    drive, how, silence, save, times = shared

    def one(network: AbstractNetwork, cue: Any, index: Any) -> Retrieval:
        own = how.of_sample(index) if isinstance(how, AbstractUpdates) else how
        retrieval = recalled(network, cue, drive, own, silence, save, times)
        state = retrieval.state if keep_states else None
        none = lambda x: x is None  # noqa: E731
        return eqx.tree_at(lambda r: (r.state, r.ts), retrieval, (state, None), is_leaf=none)

    if len(cues) == 1:  # without vmap the loops choose nothing between samples
        own = row_of(network, 0) if stacked else network
        single = one(own, cues[0], indices[0])
        return jax.tree.map(lambda leaf: leaf[None], single)
    axes = eqx.if_array(0) if stacked else None
    spread = cast(Any, jax.typeof(cues)).sharding.spec[0]
    if spread is not None:  # the cues are spread over an explicit axis of a mesh
        indices = jax.sharding.reshard(indices, jax.sharding.PartitionSpec(spread))
    return eqx.filter_vmap(one, in_axes=(axes, 0, 0))(network, cues, indices)


recalled_batch = eqx.filter_jit(batch_of)


def row_of(network: AbstractNetwork, index: Any) -> AbstractNetwork:
    """Returns the networks of rows `index` of stacked networks."""
    return jax.tree.map(lambda leaf: leaf[index] if eqx.is_array(leaf) else leaf, network)
