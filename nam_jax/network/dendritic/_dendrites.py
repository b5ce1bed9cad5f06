"""Synapses on branched dendrites, packed so that a pass over them needs no scatter.

A pass computes the drive of each branch, transfers it, and sums the branches of each neuron.
"""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Integer

from nam_jax._misc import argument_error
from nam_jax._precision import AbstractPrecise, precise
from nam_jax.network.dendritic._packing import BranchBlock, pack

Transfer = Callable[[Float[Array, "..."]], Float[Array, "..."]]
"""A branch's output as a function of its drive, elementwise."""


class AbstractDendrites(AbstractPrecise):
    """The synapses from N inputs to N2 neurons with D branches each.

    Attributes:
        num_branches: D, number of branches of a neuron.
    """

    num_branches: eqx.AbstractVar[int]

    @abc.abstractmethod
    def sum_branches(
        self,
        inputs: Float[Array, " N"],
        transfer: Transfer,
        bias: Float[Array, "N2 D"] | Float[Array, " N2"] | None = None,
    ) -> Float[Array, " N2"]:
        """Returns sum_d A_jd G(sum_(i on d) W_ji x_i + bias_jd) for each neuron j, (N2,).

        Example: neuron j has two branches of weights A = (2, 1) and three synapses of weight 1,
        from inputs 0 and 1 on branch 0 and from input 2 on branch 1. For x = (1, 3, 5) the result
        is 2 G(4) + G(5).

        Args:
            inputs: x, (N,): rates times the normalisation of their synapses, negative for
                inhibition.
            transfer: G.
            bias: Added to the drive of branches: (N2, D) numbers, or (N2,) if all branches of a
                neuron have the same; None for 0.
        """

    @abc.abstractmethod
    def weights(self) -> Any:
        """Returns a tree of the arrays that hold weights; all weights must be at least 0."""


class PointSynapses(AbstractDendrites):
    """Neurons without dendrites, a control: all inputs of a neuron are summed, then transferred.

    Attributes:
        matrix: Weight of each synapse, (N2, N).
    """

    matrix: Float[Array, "N2 N"]

    def __init__(self, matrix: Float[Array, "N2 N"]):
        self.matrix = matrix

    @property
    def num_branches(self) -> int:  # type: ignore[override]
        """1: the neuron acts as its only branch."""
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

    The branches of each neuron are sorted by their number of synapses. The r-th branches of all
    neurons then have nearly the same number of synapses, and little padding makes them equal (12 %
    at the published size). The last axis of every array is that of neurons: shard it to spread
    neurons over devices.

    Attributes:
        blocks: The branches, from the longest to those without a synapse.
        num_inputs: N.
        num_branches: D, number of branches of a neuron.
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
            branch: The branch of neuron j on which input i arrives, (N2, N); -1 where there is no
                synapse.
            weight: The weight of that synapse, (N2, N); ignored where there is no synapse.
            dendritic: The weight of each branch at the soma, (N2, D).

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
        """Returns the sums as `AbstractDendrites` says.

        Under `jax.vmap` over inputs, one pass over the synapses serves the whole batch.
        """
        x = jnp.concatenate([inputs, jnp.zeros(1, inputs.dtype)])[:, None]
        biases = None if bias is None else self._biases(bias.astype(inputs.dtype))
        return _branch_sums(self, x, transfer, biases)[:, 0]

    def weights(self) -> Any:
        return [(block.weight, block.dendritic) for block in self.blocks]

    def _biases(self, bias: Array) -> Array | tuple[Array, ...]:
        """Returns biases with a batch axis of 1: (N2, 1) for (N2,), else (G, R, N2, 1) a block."""
        if bias.ndim == 1:
            return bias[:, None]
        neurons = jnp.arange(bias.shape[0])
        return tuple(
            bias.at[neurons, block.label].get(mode="fill", fill_value=0)[..., None]
            for block in self.blocks
        )


def _pass(dendrites: Dendrites, x: Array, transfer: Transfer, bias: Any) -> Float[Array, "N2 B"]:
    """Returns the sums of branches, (N2, B), by one pass over all synapses.

    Args:
        dendrites: The synapses.
        x: Inputs, (N + 1, B); the last is 0, and padding reads it.
        transfer: G.
        bias: As from `Dendrites._biases`, with the batch axis B or 1.
    """
    # For each group the pass visits its ranks, and for each rank its slots. Example: branches of a
    # neuron that hold inputs (0, 1) and (2) have ranks 0 and 1, in one block of two slots, where
    # slot 1 of rank 1 is padding. Rank 0 adds A_0 G(W_0 x_0 + W_1 x_1); rank 1 then adds
    # A_1 G(W_2 x_2 + 0 x_N). All neurons do this at once, each with sources of its own, so that
    # inputs are gathered and no output is scattered.
    num_neurons = dendrites.blocks[0].dendritic.shape[-1]
    neuron_bias = None if isinstance(bias, tuple) else bias
    total = jnp.zeros((num_neurons, x.shape[1]), x.dtype)
    for index, block in enumerate(dendrites.blocks):
        block_bias = bias[index] if isinstance(bias, tuple) else None

        def add(total: Array, group: tuple[BranchBlock, Array | None]) -> tuple[Array, None]:
            synapses, group_bias = group
            for rank in range(synapses.dendritic.shape[0]):
                rank_bias = neuron_bias if group_bias is None else group_bias[rank]
                drive = _drive(synapses, rank, x, rank_bias)
                weight = synapses.dendritic[rank]
                total = total + weight[:, None] * transfer(drive)
            return total, None

        total, _ = jax.lax.scan(add, total, (block, block_bias))
    return total


def _drive(synapses: BranchBlock, rank: int, x: Array, bias: Array | None) -> Float[Array, "N2 B"]:
    """Returns the drive of each neuron's branch of one rank, (N2, B).

    XLA turns the sum over slots into one loop over neurons that keeps sums in registers.
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
    """Returns `_pass`; a batch of inputs is one pass, and derivatives are those of `_pass`."""
    arrays, rest = eqx.partition((dendrites, transfer), eqx.is_array)

    @jax.custom_batching.custom_vmap
    def run(arrays: Any, x: Array, bias: Any) -> Array:
        dendrites, transfer = eqx.combine(arrays, rest)
        return _pass(dendrites, x, transfer, bias)

    @run.def_vmap
    def _(size: int, is_batched: Any, arrays: Any, x: Array, bias: Any) -> tuple[Array, bool]:
        arrays_batched, *inputs_batched = is_batched
        all_batched = (arrays_batched, *inputs_batched)
        if any(jax.tree.leaves(arrays_batched)):
            # Each sample has its own synapses, so that no pass can serve two samples. Running the
            # samples one after another needs the memory of one.
            samples = jax.tree.map(
                lambda leaf, batched: _spread(leaf, batched, size), (arrays, x, bias), all_batched
            )
            return jax.lax.map(lambda sample: run(*sample), samples), True
        x, bias = jax.tree.map(
            lambda leaf, batched: _with_batch_last(leaf, batched, size),
            (x, bias),
            tuple(inputs_batched),
        )
        total = run(arrays, x, bias)
        return jnp.moveaxis(total.reshape(*total.shape[:-1], -1, size), -1, 0), True

    return run(arrays, x, bias)


@_branch_sums.def_jvp
@precise
def _(primals: Any, tangents: Any) -> tuple[Array, Array]:
    return eqx.filter_jvp(_pass, primals, tangents)


def _with_batch_last(leaf: Array, batched: bool, size: int) -> Array:
    """Returns `leaf` with the new batch axis merged into the last: (size, N, B) to (N, B size)."""
    leaf = jnp.moveaxis(_spread(leaf, batched, size), 0, -1)
    return leaf.reshape(*leaf.shape[:-2], -1)


def _spread(leaf: Array, batched: bool, size: int) -> Array:
    """Returns `leaf` with a batch axis first; repeats it if it has none."""
    return leaf if batched else jnp.broadcast_to(leaf, (size, *leaf.shape))
