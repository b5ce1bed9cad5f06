"""Wiring of the dendritic memory: which synapses exist, and their weights."""

import dataclasses
from typing import Any

import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Bool, Float, Integer

from nam_jax._misc import argument_error, check_key
from nam_jax._precision import AbstractPrecise
from nam_jax._types import Key

Weights = Float[Array, "post pre"]
"""Synaptic weights, at least 0; the entry (i, j) is from neuron j to neuron i."""


class Wiring(AbstractPrecise):
    """All synapses between N1 memory (E1), N2 feature (E2), M1 and M2 inhibitory neurons.

    All weights are at least 0. The sign of a synapse is that of the neuron it comes from (Dale's
    law), and stands in the equations of the network. A missing synapse has the weight 0. A memory
    neuron reaches a feature neuron on at most one branch. The weight of the synapse back is the
    dendritic weight of that branch (eq 4), so it is not stored.

    Attributes:
        branch: b, (N2, N1): the branch of feature neuron j on which memory neuron i arrives, in
            0, ..., D - 1.
        forward: Whether memory neuron i reaches feature neuron j, (N2, N1).
        feedback: Whether feature neuron j projects back to memory neuron i, (N2, N1); equal to
            `forward` if the wiring is reciprocal.
        weight: W = J^(DE1), from memory neurons to branches, (N2, N1).
        inhibitory_branch: The branch of a feature neuron on which a neuron of I1 arrives, (N2, M1).
        inhibitory_forward: Whether a neuron of I1 reaches a feature neuron, (N2, M1).
        inhibitory_weight: J^(DI1), from I1 to branches, (N2, M1).
        dendritic: A = J^(E2D), the weight of each branch at the soma, (N2, D).
        to_memory_inhibition: J^(I1E1), from E1 to I1, (M1, N1).
        to_feature_inhibition: J^(I2E2), from E2 to I2, (M2, N2).
        memory_inhibition: J^(E1I1), from I1 to E1, (N1, M1). This array and the three below are
            without the factors of eq 7.
        feature_inhibition: J^(E1I2), from I2 to E1, (N1, M2).
        within_memory_inhibition: J^(I1I1), within I1, (M1, M1).
        within_feature_inhibition: J^(I2I2), within I2, (M2, M2).
        connectivity: c, the probability of a synapse.
        dendritic_mean: m, the mean of the law of A.
    """

    branch: Integer[Array, "N2 N1"]
    forward: Bool[Array, "N2 N1"]
    feedback: Bool[Array, "N2 N1"]
    weight: Float[Array, "N2 N1"]
    inhibitory_branch: Integer[Array, "N2 M1"]
    inhibitory_forward: Bool[Array, "N2 M1"]
    inhibitory_weight: Float[Array, "N2 M1"]
    dendritic: Float[Array, "N2 D"]
    to_memory_inhibition: Float[Array, "M1 N1"]
    to_feature_inhibition: Float[Array, "M2 N2"]
    memory_inhibition: Float[Array, "N1 M1"]
    feature_inhibition: Float[Array, "N1 M2"]
    within_memory_inhibition: Float[Array, "M1 M1"]
    within_feature_inhibition: Float[Array, "M2 M2"]
    connectivity: float
    dendritic_mean: float

    def __check_init__(self):
        _check_share("connectivity", self.connectivity)
        if not self.dendritic_mean > 0:
            raise argument_error("dendritic_mean", "be above 0", self.dendritic_mean)

    @classmethod
    def random(
        cls,
        num_memory: int,
        num_feature: int,
        num_branches: int,
        *,
        key: Key,
        connectivity: float = 1.0,
        num_inhibitory: tuple[int, int] | None = None,
        reciprocal: bool = True,
        spread: float = 0.2,
        gamma_shape: float = 0.5,
        dendritic_mean: float = 0.2,
    ) -> "Wiring":
        """Returns wiring drawn by the laws of eqs 4-6; it holds O(N1 N2) numbers.

        Numbers are drawn on the host, so that this cannot run under `jax.jit`.

        Args:
            num_memory: N1.
            num_feature: N2.
            num_branches: D, branches of each feature neuron, at most N1.
            key: Random key.
            connectivity: c in (0, 1]. A pair of neurons is connected with probability c, and on a
                given branch with probability c / D.
            num_inhibitory: M1 and M2; by default N1 / 2 and N2 / 4, rounded down but at least 1.
            reciprocal: If True, a pair has feedback if it has a forward synapse. If False, it has
                feedback with probability c, whether or not it has a forward synapse (eq 5). Then
                only a share c of the feedback joins pairs with a forward synapse, and the rest is
                of no use.
            spread: w in [0, 1]: weights are uniform in (1 - w, 1 + w).
            gamma_shape: Shape of the gamma law of dendritic weights, above 0.
            dendritic_mean: m, the mean of that law, above 0; it only sets the unit of feature
                rates.

        Raises:
            ValueError: If an argument is outside its range.
        """
        num_inhibitory = num_inhibitory or (max(1, num_memory // 2), max(1, num_feature // 4))
        sizes = {"num_memory": num_memory, "num_feature": num_feature, "num_branches": num_branches}
        check_key(key)
        _check_sizes(**sizes, num_inhibitory=min(num_inhibitory))
        _check_share("connectivity", connectivity)
        _check_law(spread, gamma_shape)
        (n1, n2), (m1, m2), c = (num_memory, num_feature), num_inhibitory, connectivity
        draw = _Draw(key, c, spread)
        forward, feedback = draw.mask(n2, n1), draw.mask(n2, n1)
        inhibitory_forward = draw.mask(n2, m1)
        return cls(
            branch=draw.branches(num_branches, n2, n1),
            forward=forward,
            feedback=forward if reciprocal else feedback,
            weight=draw.weights(forward),
            inhibitory_branch=draw.branches(num_branches, n2, m1),
            inhibitory_forward=inhibitory_forward,
            inhibitory_weight=draw.weights(inhibitory_forward),
            dendritic=draw.gamma(gamma_shape, dendritic_mean, n2, num_branches),
            to_memory_inhibition=draw.weights(draw.mask(m1, n1)),
            to_feature_inhibition=draw.weights(draw.mask(m2, n2)),
            memory_inhibition=draw.weights(draw.mask(n1, m1)),
            feature_inhibition=draw.weights(draw.mask(n1, m2)),
            within_memory_inhibition=draw.weights(draw.mask(m1, m1)),
            within_feature_inhibition=draw.weights(draw.mask(m2, m2)),
            connectivity=float(connectivity),
            dendritic_mean=float(dendritic_mean),
        )

    @classmethod
    def per_synapse(
        cls, num_memory: int, num_feature: int, *, key: Key, **arguments: Any
    ) -> "Wiring":
        """Returns wiring in which each synapse from E1 has its own branch: D = N1, b_ji = i.

        It serves as a source of weights for point neurons, in which each synapse has its own
        weight.

        Args:
            num_memory: N1.
            num_feature: N2.
            key: Random key.
            **arguments: Further arguments of `random`.

        Raises:
            ValueError: If an argument is outside its range.
        """
        drawn = cls.random(num_memory, num_feature, num_memory, key=key, **arguments)
        labels = jnp.arange(num_memory, dtype=drawn.branch.dtype)
        return dataclasses.replace(drawn, branch=jnp.broadcast_to(labels, drawn.branch.shape))

    def back(self) -> Float[Array, "N1 N2"]:
        """Returns the weights from feature to memory neurons, (N1, N2).

        The weight from feature neuron j to memory neuron i is B_ij = A_(j, b_ji) (eq 4), and 0 if j
        does not project back to i.
        """
        pair_weight = jnp.take_along_axis(self.dendritic, self.branch.astype(jnp.int32), axis=1)
        return jnp.where(self.feedback, pair_weight, 0).T

    def arriving(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns the branch and the weight of each synapse on feature neurons, on the host.

        Returns:
            Two (N2, N1 + M1) arrays; E1 stands first, then I1. The branch is -1 where there is no
            synapse.
        """
        pairs = ((self.branch, self.forward), (self.inhibitory_branch, self.inhibitory_forward))
        branch = [np.where(mask, np.asarray(label, np.int32), -1) for label, mask in pairs]
        weight = [np.asarray(self.weight), np.asarray(self.inhibitory_weight)]
        return np.concatenate(branch, axis=1), np.concatenate(weight, axis=1)


def _check_sizes(*, num_memory: int, num_branches: int, **others: int) -> None:
    """Raises a `ValueError` if a size is below 1, or D is above N1."""
    for name, size in {"num_memory": num_memory, "num_branches": num_branches, **others}.items():
        if size < 1:
            raise argument_error(name, "be at least 1", size)
    if num_branches > num_memory:
        requirement = f"be at most `num_memory` = {num_memory}"
        raise argument_error("num_branches", requirement, num_branches)


def _check_share(name: str, value: float) -> None:
    """Raises a `ValueError` if `value` is not in (0, 1]."""
    if not 0 < value <= 1:
        raise argument_error(name, "lie in (0, 1]", value)


def _check_law(spread: float, gamma_shape: float) -> None:
    """Raises a `ValueError` if a parameter of the laws of weights is outside its range."""
    if not 0 <= spread <= 1:
        raise argument_error("spread", "lie in [0, 1]", spread)
    if not gamma_shape > 0:
        raise argument_error("gamma_shape", "be above 0", gamma_shape)


class _Draw:
    """A source of random numbers on the host, where a new size needs no new program.

    The numbers depend on the order of the calls.
    """

    def __init__(self, key: Key, connectivity: float, spread: float):
        self._random = np.random.default_rng(np.asarray(jr.key_data(key)).tolist())
        self._connectivity, self._spread = connectivity, spread
        self._dtype = np.dtype(jnp.result_type(float))

    def mask(self, *shape: int) -> Bool[Array, "post pre"]:
        """Returns whether each synapse exists; draws nothing if c = 1, where all exist."""
        if self._connectivity == 1:
            return jnp.ones(shape, bool)
        return jnp.asarray(self._random.random(shape, np.float32) < self._connectivity)

    def branches(self, num_branches: int, *shape: int) -> Integer[Array, "post pre"]:
        """Returns a branch for each pair of neurons, in 16 bits if they suffice, for memory."""
        dtype = np.uint16 if num_branches <= 2**16 else np.int32
        return jnp.asarray(self._random.integers(num_branches, size=shape, dtype=dtype))

    def weights(self, mask: Bool[Array, "post pre"]) -> Weights:
        """Returns uniform weights with the mean 1, and 0 where there is no synapse."""
        drawn = self._random.random(mask.shape, self._dtype) * (2 * self._spread)
        return jnp.asarray((drawn + (1 - self._spread)) * np.asarray(mask), self._dtype)

    def gamma(self, shape: float, mean: float, *size: int) -> Weights:
        """Returns weights of the gamma law with this shape and mean."""
        drawn = self._random.standard_gamma(shape, size, self._dtype)
        return jnp.asarray(drawn * (mean / shape), self._dtype)
