"""Interactions with layers of symmetric N x N arrays: synapses and astrocyte processes.

Each pair ij stands twice in the energy, as ij and ji, and a layer of pairs halves its own terms.
The factors 1/2 and 1/4 here belong to that: see [`nam_jax.network.Layer`][].
"""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool

from nam_jax._misc import argument_error
from nam_jax._types import Scalar
from nam_jax.interaction._base import (
    AbstractInteraction,
    Activation,
    Shape,
    named,
    some,
)
from nam_jax.memory import AbstractProcessTensor


class Outer(AbstractInteraction):
    """E = -1/2 sum_ij g_ij phi_i phi_j: synapses g between neurons phi.

    The forces are (g + g^T) phi / 2 on neurons and phi phi^T / 2 on synapses; for symmetric g they
    are the terms g phi and phi phi^T of Kozachkov, Slotine & Krotov, arXiv 2311.08135, eq 9. For
    asymmetric g the flow of these equations does not follow an energy, but this one does.

    Attributes:
        joins: The names of the neurons, (N,), and the synapses, (N, N).
        mask: (N, N), True where a synapse is; None for all.
    """

    joins: tuple[str, ...] = eqx.field(static=True)
    mask: Bool[Array, "N N"] | None

    def __init__(self, neurons: str, pairs: str, *, mask: ArrayLike | None = None):
        self.joins = (neurons, pairs)
        self.mask = None if mask is None else jnp.asarray(mask, bool)

    def energy(self, *activations: Activation) -> Scalar:
        neurons, pairs = activations
        return -jnp.vdot(neurons, self._present(pairs) @ neurons) / 2

    def forces(self, *activations: Activation) -> tuple[Activation, Activation]:
        neurons, pairs = activations
        present = self._present(pairs)
        back = (present @ neurons + neurons @ present) / 2
        return back, self._present(neurons[:, None] * (neurons[None, :] / 2))

    def check(self, *shapes: Shape) -> None:
        neurons, pairs = shapes
        if len(neurons) != 1 or pairs != neurons * 2:
            requirement = "join N neurons and N x N pairs"
            raise argument_error("Outer", requirement, named(self.joins, neurons, pairs))
        _check_mask(self.mask, pairs)

    def degree(self, *free: bool) -> float | int:
        neurons, pairs = free
        return 2 * neurons + pairs

    def _present(self, pairs: Activation) -> Activation:
        return pairs if self.mask is None else jnp.where(self.mask, pairs, 0)


class Pairing(AbstractInteraction):
    """E = -1/2 sum psi . g: two layers of pairs of equal shape, entry by entry.

    Kozachkov, Slotine & Krotov, arXiv 2311.08135: synapses g and the astrocyte processes psi that
    wrap them. The force on each is half the activation of the other.

    Attributes:
        joins: The names of both layers.
        mask: True where the entries are joined; None for all.
    """

    joins: tuple[str, ...] = eqx.field(static=True)
    mask: Bool[Array, "..."] | None

    def __init__(self, first: str, second: str, *, mask: ArrayLike | None = None):
        self.joins = (first, second)
        self.mask = None if mask is None else jnp.asarray(mask, bool)

    def energy(self, *activations: Activation) -> Scalar:
        first, second = activations
        return -jnp.vdot(self._joined(first), second) / 2

    def forces(self, *activations: Activation) -> tuple[Activation, Activation]:
        first, second = activations
        return self._joined(second / 2), self._joined(first / 2)

    def check(self, *shapes: Shape) -> None:
        first, second = shapes
        if first != second:
            requirement = "join layers of equal shape"
            raise argument_error("Pairing", requirement, named(self.joins, first, second))
        _check_mask(self.mask, first)

    def degree(self, *free: bool) -> float | int:
        return some(free)

    def _joined(self, layer: Activation) -> Activation:
        return layer if self.mask is None else jnp.where(self.mask, layer, 0)


class Tensor(AbstractInteraction):
    """E = -1/4 psi . T psi: astrocyte processes psi that a process tensor T couples.

    The force is T psi / 2, one call of T: automatic differentiation would take two. Joined with a
    second layer chi the term is -1/2 chi . T psi, as between two astrocytes. T stores the memories:
    Kozachkov, Slotine & Krotov, arXiv 2311.08135, eqs 5-10.

    Attributes:
        joins: The name of psi, (N, N), or the names of psi and chi.
        tensor: T.
    """

    joins: tuple[str, ...] = eqx.field(static=True)
    tensor: AbstractProcessTensor

    def __init__(self, layer: str, tensor: AbstractProcessTensor, *, other: str | None = None):
        """Couples a layer to itself, or to `other`.

        Raises:
            ValueError: If `tensor` is no process tensor.
        """
        if not isinstance(tensor, AbstractProcessTensor):
            given = f"the type {type(tensor).__name__}"
            raise argument_error("tensor", "be a process tensor, as `PatternTensor`", given)
        self.joins = (layer,) if other is None else (layer, other)
        self.tensor = tensor

    @property
    def dtype(self) -> np.dtype | None:
        """The dtype of the patterns of T; numbers such as rates of diffusion do not count."""
        return self.tensor.dtype

    def energy(self, *layers: Activation) -> Scalar:
        if len(layers) == 1:
            return -self.tensor.quadratic_form(layers[0]) / 4
        first, second = layers
        return -jnp.vdot(second, self.tensor(first)) / 2

    def forces(self, *layers: Activation) -> tuple[Activation, ...]:
        return tuple(self.tensor(layer) / 2 for layer in reversed(layers))

    def check(self, *shapes: Shape) -> None:
        size = self.tensor.num_neurons
        if any(shape != (size, size) for shape in shapes):
            given = named(self.joins, *shapes)
            raise argument_error("tensor", f"join layers of shape {(size, size)}", given)

    def degree(self, *free: bool) -> float | int:
        return 2 * some(free) if len(free) == 1 else some(free)


def _check_mask(mask: Array | None, shape: Shape) -> None:
    if mask is not None and mask.shape != shape:
        raise argument_error("mask", f"have shape {shape}", f"shape {mask.shape}")
