"""Packing of the synapses on branched dendrites: sorted by length, padded little."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Integer

_GATHERS = 12
"""Synapses of one neuron that a pass sums in registers, about.

With fewer, or with one rank, XLA's loops over trials are not made of vectors on a CPU, which takes
three times as long; with more, compiling takes longer.
"""


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


def pack(branch: np.ndarray, weight: np.ndarray, dendritic: np.ndarray) -> list[BranchBlock]:
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
        ranks = min(max(2, _GATHERS // max(length, 1)), num_ranks - begin)
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
