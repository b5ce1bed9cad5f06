"""Synapses on branched dendrites, packed so that a pass over them needs no scatter."""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Integer

from nam_jax._misc import argument_error
from nam_jax.network.dendritic._packing import BranchBlock, pack

Transfer = Callable[[Float[Array, "..."]], Float[Array, "..."]]
"""A branch's output as a function of its drive, elementwise."""


class AbstractDendrites(eqx.Module):
    """What N inputs do to N2 neurons.

    Attributes:
        num_branches: D, branches of a neuron.
    """

    num_branches: eqx.AbstractVar[int]

    @abc.abstractmethod
    def sum_branches(
        self,
        inputs: Float[Array, " N"],
        transfer: Transfer,
        bias: Float[Array, "N2 D"] | Float[Array, " N2"] | None = None,
    ) -> Float[Array, " N2"]:
        """sum_d A_jd G(sum_(i on d) W_ji x_i + bias_jd).

        Args:
            inputs: x, signed and with the normalisation of their synapses.
            transfer: G.
            bias: Added to the drive of every branch, or each its own; by default nothing.
        """

    @abc.abstractmethod
    def weights(self) -> Any:
        """All weights, which are at least 0."""


class PointSynapses(AbstractDendrites):
    """Neurons without dendrites, a control: their inputs are summed, then transferred.

    Attributes:
        matrix: (N2, N), each synapse with a weight of its own.
    """

    matrix: Float[Array, "N2 N"]

    def __init__(self, matrix: Float[Array, "N2 N"]):
        self.matrix = matrix

    @property
    def num_branches(self) -> int:  # type: ignore[override]
        """1: the neuron itself."""
        return 1

    def sum_branches(
        self,
        inputs: Float[Array, " N"],
        transfer: Transfer,
        bias: Float[Array, "N2 D"] | Float[Array, " N2"] | None = None,
    ) -> Float[Array, " N2"]:
        drive = self.matrix @ inputs
        return transfer(drive if bias is None else drive + bias.reshape(drive.shape))

    def weights(self) -> Any:
        return self.matrix


class Dendrites(AbstractDendrites):
    """All synapses on the branches of N2 neurons from N inputs.

    The branches of each neuron are sorted by their number of synapses, so that the r-th branches
    of all neurons are nearly equally long and are padded little (12 % at the published size).
    Neurons stand last in every array: shard that axis to spread neurons over devices.

    Attributes:
        blocks: The branches, from the longest to those without a synapse.
        num_inputs: N.
        num_branches: D, branches of a neuron.
    """

    blocks: tuple[BranchBlock, ...]
    num_inputs: int = eqx.field(static=True)
    num_branches: int = eqx.field(static=True)

    def __init__(
        self,
        branch: Integer[Array | np.ndarray, "N2 N"],
        weight: Float[Array | np.ndarray, "N2 N"],
        dendritic: Float[Array | np.ndarray, "N2 D"],
    ):
        """Packs the synapses, on the host.

        Args:
            branch: On which branch of neuron j input i arrives; -1 where there is no synapse.
            weight: Its weight there; not looked at where there is no synapse.
            dendritic: The weight of each branch at the soma.

        Raises:
            ValueError: If a branch is not in -1, ..., D - 1.
        """
        branch, weight, dendritic = (np.asarray(array) for array in (branch, weight, dendritic))
        self.num_inputs, self.num_branches = branch.shape[1], dendritic.shape[1]
        if branch.min(initial=0) < -1 or branch.max(initial=-1) >= self.num_branches:
            requirement = f"lie in -1, ..., {self.num_branches - 1}"
            raise argument_error("branch", requirement, f"{branch.min()} to {branch.max()}")
        self.blocks = tuple(pack(branch, weight, dendritic))

    def sum_branches(
        self,
        inputs: Float[Array, " N"],
        transfer: Transfer,
        bias: Float[Array, "N2 D"] | Float[Array, " N2"] | None = None,
    ) -> Float[Array, " N2"]:
        """As in [`AbstractDendrites`][nam_jax.network.AbstractDendrites].

        A batch by `jax.vmap` makes one pass over the synapses, with the batch axis last.
        """
        x = jnp.concatenate([inputs, jnp.zeros(1, inputs.dtype)])[:, None]
        biases = None if bias is None else self._biases(bias.astype(inputs.dtype))
        return _branch_sums(self, x, transfer, biases)[:, 0]

    def weights(self) -> Any:
        return [(block.weight, block.dendritic) for block in self.blocks]

    def _biases(self, bias: Array) -> Array | tuple[Array, ...]:
        """Biases in the order of the blocks, with a batch axis; (N2, 1) where branches agree."""
        if bias.ndim == 1:
            return bias[:, None]
        neurons = jnp.arange(bias.shape[0])
        return tuple(
            bias.at[neurons, block.label].get(mode="fill", fill_value=0)[..., None]
            for block in self.blocks
        )


def _pass(dendrites: Dendrites, x: Array, transfer: Transfer, bias: Any) -> Float[Array, "N2 B"]:
    """One pass over all synapses for inputs (N + 1, B), the last of them 0."""
    num_neurons = dendrites.blocks[0].dendritic.shape[-1]
    shared = None if isinstance(bias, tuple) else bias
    total = jnp.zeros((num_neurons, x.shape[1]), x.dtype)
    for place, block in enumerate(dendrites.blocks):
        own = bias[place] if isinstance(bias, tuple) else None

        def add(total: Array, group: tuple[BranchBlock, Array | None]) -> tuple[Array, None]:
            synapses, own = group
            for rank in range(synapses.dendritic.shape[0]):
                drive = _drive(synapses, rank, x, shared if own is None else own[rank])
                weight = synapses.dendritic[rank]
                total = total + weight[:, None] * transfer(drive)
            return total, None

        total, _ = jax.lax.scan(add, total, (block, own))
    return total


def _drive(synapses: BranchBlock, rank: int, x: Array, bias: Array | None) -> Float[Array, "N2 B"]:
    """The drive of every neuron's branch of one rank.

    Written slot by slot, which XLA makes into one loop with sums in registers.
    """
    drive = jnp.zeros((synapses.dendritic.shape[-1], x.shape[1]), x.dtype)
    drive = drive if bias is None else drive + bias
    for slot in range(synapses.source.shape[0]):
        source = synapses.source[slot, rank].astype(jnp.int32)
        weight = synapses.weight[slot, rank]
        drive = drive + weight[:, None] * x.at[source].get(mode="promise_in_bounds")
    return drive


@eqx.filter_custom_jvp
def _branch_sums(dendrites: Dendrites, x: Array, transfer: Transfer, bias: Any) -> Array:
    """`_pass`, of which a batch is one pass; its derivatives are those of `_pass`."""
    arrays, rest = eqx.partition((dendrites, transfer), eqx.is_array)

    @jax.custom_batching.custom_vmap
    def run(arrays: Any, x: Array, bias: Any) -> Array:
        dendrites, transfer = eqx.combine(arrays, rest)
        return _pass(dendrites, x, transfer, bias)

    @run.def_vmap
    def _(size: int, is_batched: Any, arrays: Any, x: Array, bias: Any) -> tuple[Array, bool]:
        of_arrays, *of_others = is_batched
        everywhere = (of_arrays, *of_others)
        if any(jax.tree.leaves(of_arrays)):
            # Other synapses in each sample: nothing is shared, and memory is.
            whole = jax.tree.map(
                lambda leaf, batched: _spread(leaf, batched, size), (arrays, x, bias), everywhere
            )
            return jax.lax.map(lambda row: run(*row), whole), True
        x, bias = jax.tree.map(
            lambda leaf, batched: _with_batch_last(leaf, batched, size),
            (x, bias),
            tuple(of_others),
        )
        total = run(arrays, x, bias)
        return jnp.moveaxis(total.reshape(*total.shape[:-1], -1, size), -1, 0), True

    return run(arrays, x, bias)


@_branch_sums.def_jvp
def _(primals: Any, tangents: Any) -> tuple[Array, Array]:
    return eqx.filter_jvp(_pass, primals, tangents)


def _with_batch_last(leaf: Array, batched: bool, size: int) -> Array:
    """A new batch axis, first if there is one, merged into the last axis."""
    leaf = jnp.moveaxis(_spread(leaf, batched, size), 0, -1)
    return leaf.reshape(*leaf.shape[:-2], -1)


def _spread(leaf: Array, batched: bool, size: int) -> Array:
    return leaf if batched else jnp.broadcast_to(leaf, (size, *leaf.shape))
