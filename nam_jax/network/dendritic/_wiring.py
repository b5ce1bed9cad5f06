"""Random wiring of the dendritic memory: which synapses there are, and how strong."""

import dataclasses
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Bool, Float, Integer

from nam_jax._misc import argument_error
from nam_jax._types import Key

Weights = Float[Array, "post pre"]
"""Synaptic weights, at least 0, from the neurons of a column to those of a row."""


class Wiring(eqx.Module):
    """All synapses between N1 memory (E1), N2 feature (E2), M1 and M2 inhibitory neurons.

    Weights are at least 0: a synapse's sign is that of the neuron it comes from (Dale's law), and
    the network's equations give it. Missing synapses have weight 0. Each memory neuron reaches a
    feature neuron on at most one branch. The weight of the synapse back is the dendritic weight of
    that branch (eq 4), so it is not stored.

    Attributes:
        branch: b, on which branch of feature neuron j memory neuron i arrives: 0, ..., D - 1.
        forward: Which memory neurons reach which feature neurons.
        feedback: Which feature neurons project back, (N2, N1): as `forward` where wiring is
            reciprocal.
        weight: W = J^(DE1), from memory neurons to branches.
        inhibitory_branch: On which branch of a feature neuron each neuron of I1 arrives.
        inhibitory_forward: Which neurons of I1 reach which feature neurons.
        inhibitory_weight: J^(DI1), from I1 to branches.
        dendritic: A = J^(E2D), the weight of each branch at the soma.
        to_memory_inhibition: J^(I1E1).
        to_feature_inhibition: J^(I2E2).
        memory_inhibition: J^(E1I1), without the factors of eq 7, as the three below.
        feature_inhibition: J^(E1I2).
        within_memory_inhibition: J^(I1I1).
        within_feature_inhibition: J^(I2I2).
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
        """Wiring by the laws of eqs 4-6: O(N1 N2) numbers.

        Args:
            num_memory: N1.
            num_feature: N2.
            num_branches: D, branches of each feature neuron, at most N1.
            key: Random key; draws are made on the host, so not under `jax.jit`.
            connectivity: c in (0, 1]: pairs of neurons are connected with this probability, and
                on one given branch with c / D.
            num_inhibitory: M1 and M2; by default N1 / 2 and N2 / 4.
            reciprocal: Whether feedback exists where the forward synapse does; otherwise with
                probability c anywhere, as eq 5 says, and only a share c of it is any use.
            spread: w in [0, 1]: weights are uniform in (1 - w, 1 + w).
            gamma_shape: Shape of the gamma law of dendritic weights, above 0.
            dendritic_mean: Its mean m, above 0; only the unit of feature rates.

        Raises:
            ValueError: On an argument outside its range.
        """
        num_inhibitory = num_inhibitory or (max(1, num_memory // 2), max(1, num_feature // 4))
        sizes = {"num_memory": num_memory, "num_feature": num_feature, "num_branches": num_branches}
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
        """Wiring in which each synapse from E1 has a branch to itself: D = N1, b_ji = i.

        For point neurons, whose synapses have weights of their own; arguments as for `random`.
        """
        made = cls.random(num_memory, num_feature, num_memory, key=key, **arguments)
        own = jnp.broadcast_to(jnp.arange(num_memory, dtype=made.branch.dtype), made.branch.shape)
        return dataclasses.replace(made, branch=own)

    def back(self) -> Float[Array, "N1 N2"]:
        """c B: the weights from feature to memory neurons, B_ij = A_(j, b_ji) (eq 4)."""
        of_pair = jnp.take_along_axis(self.dendritic, self.branch.astype(jnp.int32), axis=1)
        return jnp.where(self.feedback, of_pair, 0).T

    def arriving(self) -> tuple[np.ndarray, np.ndarray]:
        """Branch (-1 for none) and weight of every synapse from E1, then from I1; on the host."""
        pairs = ((self.branch, self.forward), (self.inhibitory_branch, self.inhibitory_forward))
        branch = [np.where(mask, np.asarray(label, np.int32), -1) for label, mask in pairs]
        weight = [np.asarray(self.weight), np.asarray(self.inhibitory_weight)]
        return np.concatenate(branch, axis=1), np.concatenate(weight, axis=1)


def _check_sizes(*, num_memory: int, num_branches: int, **others: int) -> None:
    for name, size in {"num_memory": num_memory, "num_branches": num_branches, **others}.items():
        if size < 1:
            raise argument_error(name, "be at least 1", size)
    if num_branches > num_memory:
        requirement = f"be at most `num_memory` = {num_memory}"
        raise argument_error("num_branches", requirement, num_branches)


def _check_share(name: str, value: float) -> None:
    if not 0 < value <= 1:
        raise argument_error(name, "lie in (0, 1]", value)


def _check_law(spread: float, gamma_shape: float) -> None:
    if not 0 <= spread <= 1:
        raise argument_error("spread", "lie in [0, 1]", spread)
    if not gamma_shape > 0:
        raise argument_error("gamma_shape", "be above 0", gamma_shape)


class _Draw:
    """Draws on the host, where a new size needs no new program, in the order of the calls."""

    def __init__(self, key: Key, connectivity: float, spread: float):
        self._random = np.random.default_rng(np.asarray(jr.key_data(key)).tolist())
        self._connectivity, self._spread = connectivity, spread
        self._dtype = np.dtype(jnp.result_type(float))

    def mask(self, *shape: int) -> Bool[Array, "post pre"]:
        """Whether there is a synapse; nothing is drawn where all of them are."""
        if self._connectivity == 1:
            return jnp.ones(shape, bool)
        return jnp.asarray(self._random.random(shape, np.float32) < self._connectivity)

    def branches(self, num_branches: int, *shape: int) -> Integer[Array, "post pre"]:
        """In 16 bits where they suffice: there is one for every pair of neurons."""
        dtype = np.uint16 if num_branches <= 2**16 else np.int32
        return jnp.asarray(self._random.integers(num_branches, size=shape, dtype=dtype))

    def weights(self, mask: Bool[Array, "post pre"]) -> Weights:
        """Uniform, and 0 where there is no synapse."""
        drawn = self._random.random(mask.shape, self._dtype) * (2 * self._spread)
        return jnp.asarray((drawn + (1 - self._spread)) * np.asarray(mask), self._dtype)

    def gamma(self, shape: float, mean: float, *size: int) -> Weights:
        """Of the gamma law with this shape and mean."""
        drawn = self._random.standard_gamma(shape, size, self._dtype)
        return jnp.asarray(drawn * (mean / shape), self._dtype)
