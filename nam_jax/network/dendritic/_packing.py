"""Packing of the synapses on branched dendrites: branches sorted by length, with little padding."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Integer

_GATHERS = 12
"""Number of synapses of a neuron that a pass sums in registers, approximately.

With fewer, or with a single rank, XLA does not vectorise its loops over trials on a CPU, and a pass
takes three times as long. With more, compiling takes longer.
"""


class BranchBlock(eqx.Module):
    """Branches with at most K synapses each: for every neuron one of each rank.

    A neuron's branches are ranked by their number of synapses; the longest has rank 0. A block
    holds G groups of R consecutive ranks. Padding has the weight 0. The source of a padded synapse
    is N, the number of inputs; the label of a padded branch is D, the number of branches.

    Attributes:
        source: The input that arrives at each synapse.
        weight: Synaptic weights, at least 0.
        dendritic: Weight of each branch at the soma, at least 0.
        label: The number that each branch has in its neuron, before the sorting.
    """

    source: Integer[Array, "G K R N2"]
    weight: Float[Array, "G K R N2"]
    dendritic: Float[Array, "G R N2"]
    label: Integer[Array, "G R N2"]


def pack(branch: np.ndarray, weight: np.ndarray, dendritic: np.ndarray) -> list[BranchBlock]:
    """Returns blocks of ranks of nearly equal length.

    Args:
        branch: The branch of each synapse, (N2, N); -1 where there is no synapse.
        weight: The weight of each synapse, (N2, N).
        dendritic: The weight of each branch at the soma, (N2, D).
    """
    # Example: one neuron has four inputs on D = 3 branches, branch = (2, 0, 2, -1). The branches
    # have lengths (1, 0, 2), so that the order by rank is (2, 0, 1), and the longest branches of
    # ranks 0, 1, 2 have (2, 1, 0) synapses. One block has G = 1 group of R = 3 ranks with K = 2
    # slots. Its sources are (0, 1, 4) in the first slot and (2, 4, 4) in the second, where 4 = N
    # is padding; its labels are (2, 0, 1). Neurons are filled one by one, to save memory.
    (num_neurons, num_inputs), num_branches = branch.shape, dendritic.shape[1]
    lengths = np.stack([np.bincount(row[row >= 0], minlength=num_branches) for row in branch])
    order = np.argsort(-lengths, axis=1, kind="stable")
    longest = np.take_along_axis(lengths, order, axis=1).max(axis=0)
    shapes, base, stride, place = _layout(longest)
    size = sum(int(np.prod(shape)) for shape in shapes)
    source = np.full((size, num_neurons), num_inputs, _smallest(num_inputs))
    weights = np.zeros((size, num_neurons), weight.dtype)
    for neuron, neuron_branch in enumerate(branch):
        rank_of = np.empty(num_branches, np.int64)
        rank_of[order[neuron]] = np.arange(num_branches)
        inputs = np.flatnonzero(neuron_branch >= 0)
        ranks = rank_of[neuron_branch[inputs]]
        by_rank = np.argsort(ranks, kind="stable")
        inputs, ranks = inputs[by_rank], ranks[by_rank]
        first = np.searchsorted(ranks, ranks, side="left")
        rows = base[ranks] + stride[ranks] * (np.arange(len(ranks)) - first)
        source[rows, neuron], weights[rows, neuron] = inputs, weight[neuron, inputs]
    size = sum(groups * ranks for groups, _, ranks in shapes)
    labels = np.full((size, num_neurons), num_branches, _smallest(num_branches))
    branch_weights = np.zeros((size, num_neurons), dendritic.dtype)
    labels[place] = order.T
    branch_weights[place] = np.take_along_axis(dendritic, order, axis=1).T
    return _cut(shapes, source, weights, branch_weights, labels)


def _layout(
    longest: np.ndarray,
) -> tuple[list[tuple[int, int, int]], np.ndarray, np.ndarray, np.ndarray]:
    """Returns the shapes of the blocks, and the rows in which the synapses of each rank stand.

    Args:
        longest: Number of synapses on the longest branch of each rank, (D,), falling.

    Returns:
        Four parts: (G, K, R) of each block; the row of each rank's first synapse, (D,); the number
        of rows from one synapse of a rank to the next, (D,); and the row of each rank among
        branches, (D,). Rows count through all blocks.
    """
    # A block takes as many groups as the ranks of its first length fill; shorter ranks may fill up
    # the last group. Example: longest = (3, 2, 2, 1, 0). The first length is K = 3, so that a group
    # has R = 12 // 3 = 4 ranks; one rank is that long, so G = 1, and the group takes ranks 0 to 3
    # (padded to three slots). The second block is (1, 0, 1), for rank 4. The synapses of rank 1
    # stand in rows 1, 5 and 9: its base is 1, its stride 4.
    num_ranks = len(longest)
    shapes: list[tuple[int, int, int]] = []
    base, stride, place = (np.zeros(num_ranks, np.int64) for _ in range(3))
    begin, synapses, branches = 0, 0, 0
    while begin < num_ranks:
        length = int(longest[begin])
        num_equal = int((longest[begin:] == length).sum())
        ranks = min(max(2, _GATHERS // max(length, 1)), num_ranks - begin)
        groups = -(-num_equal // ranks)
        in_block = np.arange(min(groups * ranks, num_ranks - begin))
        group, in_group = np.divmod(in_block, ranks)
        base[begin + in_block] = synapses + group * length * ranks + in_group
        stride[begin + in_block] = ranks
        place[begin + in_block] = branches + in_block
        shapes.append((groups, length, ranks))
        begin, branches = begin + len(in_block), branches + groups * ranks
        synapses += groups * length * ranks
    return shapes, base, stride, place


def _cut(
    shapes: list[tuple[int, int, int]],
    source: np.ndarray,
    weights: np.ndarray,
    branch_weights: np.ndarray,
    labels: np.ndarray,
) -> list[BranchBlock]:
    """Returns the blocks, cut one after another from arrays that hold the rows of all blocks.

    Each array has one column for each neuron. A block of shape (G, K, R) takes the next G K R rows
    of `source` and `weights`, which have a row for each synapse, and the next G R rows of
    `branch_weights` and `labels`, which have a row for each branch. For example, shapes (1, 3, 4)
    and (1, 0, 1) take rows 0 to 11 and none of synapses, and rows 0 to 3 and row 4 of branches.

    Args:
        shapes: (G, K, R) of each block, as in `BranchBlock`.
        source: `BranchBlock.source` of all blocks, (rows of synapses, N2).
        weights: `BranchBlock.weight` of all blocks, (rows of synapses, N2).
        branch_weights: `BranchBlock.dendritic` of all blocks, (rows of branches, N2).
        labels: `BranchBlock.label` of all blocks, (rows of branches, N2).
    """
    blocks, synapse, branch, size = [], 0, 0, source.shape[1]
    for groups, length, ranks in shapes:
        synapses = slice(synapse, synapse + groups * length * ranks)
        branches = slice(branch, branch + groups * ranks)
        blocks.append(
            BranchBlock(
                jnp.asarray(source[synapses].reshape(groups, length, ranks, size)),
                jnp.asarray(weights[synapses].reshape(groups, length, ranks, size)),
                jnp.asarray(branch_weights[branches].reshape(groups, ranks, size)),
                jnp.asarray(labels[branches].reshape(groups, ranks, size)),
            )
        )
        synapse, branch = synapses.stop, branches.stop
    return blocks


def _smallest(largest: int) -> type[np.integer]:
    """Returns a small integer type that holds 0, ..., `largest`, to move few bytes in a pass."""
    return np.uint16 if largest < 2**16 else np.int32
