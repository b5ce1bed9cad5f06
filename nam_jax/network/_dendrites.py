"""Synapses on branched dendrites, packed so that a pass over them needs no scatter."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Integer

from nam_jax._misc import argument_error

Transfer = Callable[[Float[Array, "..."]], Float[Array, "..."]]
"""A branch's output as a function of its drive, elementwise."""

_GATHERS = 12
"""Synapses of one neuron that a pass sums in registers; compiling takes longer with more."""


class BranchBlock(eqx.Module):
    """Branches with at most K synapses each, one of R ranks in each of G groups.

    Padding has weight 0, and as its source the number of sources.

    Attributes:
        source: Which input arrives at each synapse.
        weight: Synaptic weights, at least 0.
        dendritic: Weights of the branches at the soma, at least 0.
        label: Which branch of its neuron each is; the number of branches for padding.
    """

    source: Integer[Array, "G K R N2"]
    weight: Float[Array, "G K R N2"]
    dendritic: Float[Array, "G R N2"]
    label: Integer[Array, "G R N2"]


class Dendrites(eqx.Module):
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
        branch, weight, dendritic = (np.asarray(each) for each in (branch, weight, dendritic))
        self.num_inputs, self.num_branches = branch.shape[1], dendritic.shape[1]
        if branch.min(initial=0) < -1 or branch.max(initial=-1) >= self.num_branches:
            requirement = f"lie in -1, ..., {self.num_branches - 1}"
            raise argument_error("branch", requirement, f"{branch.min()} to {branch.max()}")
        self.blocks = tuple(_pack(branch, weight, dendritic))

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

        A batch by `jax.vmap` makes one pass over the synapses, with the batch axis last.
        """
        x = jnp.concatenate([inputs, jnp.zeros(1, inputs.dtype)])[:, None]
        if bias is not None:
            bias = self._biases(bias.astype(inputs.dtype))
        return _branch_sums(self, x, transfer, bias)[:, 0]

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
                weight = synapses.dendritic[rank].astype(x.dtype)
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
        weight = synapses.weight[slot, rank].astype(x.dtype)
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
            return jax.lax.map(lambda each: run(*each), whole), True
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


def _pack(branch: np.ndarray, weight: np.ndarray, dendritic: np.ndarray) -> list[BranchBlock]:
    """Blocks of ranks that are equally long, filled neuron by neuron to spare memory."""
    (num_neurons, num_inputs), num_branches = branch.shape, dendritic.shape[1]
    lengths = np.stack([np.bincount(of[of >= 0], minlength=num_branches) for of in branch])
    order = np.argsort(-lengths, axis=1, kind="stable")
    longest = np.take_along_axis(lengths, order, axis=1).max(axis=0)
    shapes, base, stride, place = _layout(longest)
    size = sum(int(np.prod(shape)) for shape in shapes)
    source = np.full((size, num_neurons), num_inputs, _smallest(num_inputs))
    weights = np.zeros((size, num_neurons), weight.dtype)
    for neuron, of in enumerate(branch):
        rank_of = np.empty(num_branches, np.int64)
        rank_of[order[neuron]] = np.arange(num_branches)
        inputs = np.flatnonzero(of >= 0)
        ranks = rank_of[of[inputs]]
        by_rank = np.argsort(ranks, kind="stable")
        inputs, ranks = inputs[by_rank], ranks[by_rank]
        first = np.searchsorted(ranks, ranks, side="left")
        at = base[ranks] + stride[ranks] * (np.arange(len(ranks)) - first)
        source[at, neuron], weights[at, neuron] = inputs, weight[neuron, inputs]
    size = sum(groups * ranks for groups, _, ranks in shapes)
    labels = np.full((size, num_neurons), num_branches, _smallest(num_branches))
    of_branches = np.zeros((size, num_neurons), dendritic.dtype)
    labels[place] = order.T
    of_branches[place] = np.take_along_axis(dendritic, order, axis=1).T
    return _cut(shapes, source, weights, of_branches, labels)


def _layout(
    longest: np.ndarray,
) -> tuple[list[tuple[int, int, int]], np.ndarray, np.ndarray, np.ndarray]:
    """Where the synapses of every rank stand.

    Args:
        longest: (D,) synapses on the longest branch of each rank, falling.

    Returns:
        (G, K, R) of each block; the row of a rank's first synapse and the step to its next one;
        and the row of each rank among branches.
    """
    num_ranks = len(longest)
    shapes: list[tuple[int, int, int]] = []
    base, stride, place = (np.zeros(num_ranks, np.int64) for _ in range(3))
    begin, synapses, branches = 0, 0, 0
    while begin < num_ranks:
        length = int(longest[begin])
        alike = int((longest[begin:] == length).sum())
        ranks = min(max(1, _GATHERS // max(length, 1)), alike)
        groups = -(-alike // ranks)
        taken = np.arange(min(groups * ranks, num_ranks - begin))
        group, within = np.divmod(taken, ranks)
        base[begin + taken] = synapses + group * length * ranks + within
        stride[begin + taken] = ranks
        place[begin + taken] = branches + taken
        shapes.append((groups, length, ranks))
        begin, branches = begin + len(taken), branches + groups * ranks
        synapses += groups * length * ranks
    return shapes, base, stride, place


def _cut(
    shapes: list[tuple[int, int, int]],
    source: np.ndarray,
    weights: np.ndarray,
    of_branches: np.ndarray,
    labels: np.ndarray,
) -> list[BranchBlock]:
    """Blocks of the given shapes from rows that stand one after the other."""
    blocks, synapse, branch, size = [], 0, 0, source.shape[1]
    for groups, length, ranks in shapes:
        synapses = slice(synapse, synapse + groups * length * ranks)
        branches = slice(branch, branch + groups * ranks)
        blocks.append(
            BranchBlock(
                jnp.asarray(source[synapses].reshape(groups, length, ranks, size)),
                jnp.asarray(weights[synapses].reshape(groups, length, ranks, size)),
                jnp.asarray(of_branches[branches].reshape(groups, ranks, size)),
                jnp.asarray(labels[branches].reshape(groups, ranks, size)),
            )
        )
        synapse, branch = synapses.stop, branches.stop
    return blocks


def _smallest(largest: int) -> type[np.integer]:
    """The smallest kind of integer that holds 0, ..., `largest`: fewer bytes in every pass."""
    return np.uint16 if largest < 2**16 else np.int32
