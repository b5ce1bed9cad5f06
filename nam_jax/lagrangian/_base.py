"""The interface of a Lagrangian."""

import abc
from typing import ClassVar

from jaxtyping import Array, Float

from nam_jax._precision import AbstractPrecise
from nam_jax._types import Scalar


class AbstractLagrangian(AbstractPrecise):
    """A convex function L of the states of a layer, with its activation and its energy.

    A layer with states u has the activations y = dL/du and adds the energy u . y - L(u) to the
    energy of the network. Because L is convex, the energy of the network falls along the dynamics
    (Kozachkov, Slotine & Krotov, arXiv 2311.08135, eqs 5-10; Krotov & Hopfield, arXiv 2008.06996).

    *Additive* Lagrangians sum one function over the entries, so that an activation depends only on
    its own state. *Collective* Lagrangians couple all entries of `u`, for any shape of `u`.

    All methods take one sample (batch with `jax.vmap`) and compute in the dtype of `u`. States and
    parameters are dimensionless. Value, activation, energy and their gradients are finite for
    entries up to 1e4 in float32.

    To add a Lagrangian, write these four methods and both properties, then add a line to
    `tests/tables/lagrangians.py`.

    Attributes:
        additive: Whether L is a sum over entries; its Hessian is then diagonal.
    """

    additive: ClassVar[bool]

    @abc.abstractmethod
    def __call__(self, u: Float[Array, "..."]) -> Scalar:
        """Returns the value L(u).

        Args:
            u: States of one layer, of any shape: for example (N,) for neurons, and (N, N) for
                synapses or processes.

        Returns:
            One number, summed over all entries.
        """

    @abc.abstractmethod
    def activation(self, u: Float[Array, "..."]) -> Float[Array, "..."]:
        """Returns the activation y = dL/du.

        Write it out instead of differentiating the value: the dynamics evaluate it at every step,
        and it should compile to one pass over `u`.

        Args:
            u: States of one layer, of any shape.

        Returns:
            The gradient of L at `u`, of the shape of `u`.
        """

    @abc.abstractmethod
    def energy(self, u: Float[Array, "..."]) -> Scalar:
        """Returns the Legendre energy u . y - L(u), where y is the activation at u.

        It is the convex conjugate of L at y. The two terms may be large and nearly equal (for tanh
        both grow as |u| and differ by less than log 2), so write it without their difference.

        Args:
            u: States of one layer, of any shape.

        Returns:
            One number, summed over all entries; the layer multiplies it by its leak.
        """

    @abc.abstractmethod
    def inverse(self, y: Float[Array, "..."]) -> Float[Array, "..."]:
        """Returns the states whose activation is `y`.

        Args:
            y: Activations, of any shape. An entry that is on the border of the range of the
                activation because of rounding, such as tanh(50) = 1, is replaced by the nearest
                number inside the range.

        Returns:
            Finite states of the shape of `y`; NaN where `y` is outside the range.

        Raises:
            ValueError: If several states have the same activation, as for a softmax.
        """

    @property
    @abc.abstractmethod
    def slope_bound(self) -> Scalar:
        """The largest eigenvalue of the Hessian of L over all states.

        For additive Lagrangians it is the steepest slope of the activation. It is infinite if there
        is no bound. It can be differentiated with respect to the parameters. The certificate of a
        unique equilibrium compares leak / slope bound with the strength of the couplings.
        """

    @property
    @abc.abstractmethod
    def growth(self) -> float:
        """The power with which the energy grows as activations grow; infinite if these are bounded.

        For example 2 for a linear layer, whose energy is y^2 / 2. It is 1 for an energy that grows
        as y log y, faster than y and slower than any higher power. A network with unbounded
        activations has a lowest energy only if its interactions grow more slowly.
        """
