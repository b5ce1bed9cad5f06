"""The interface of a Lagrangian."""

import abc
from typing import ClassVar

import equinox as eqx
from jaxtyping import Array, Float

from nam_jax._types import Scalar


class AbstractLagrangian(eqx.Module):
    r"""A convex function L of a layer's states, and what follows from it.

    A layer with states u has the activations y = dL/du and adds the energy u . y - L(u) to the
    energy of the network; because L is convex, that energy falls along the dynamics
    (Kozachkov, Slotine & Krotov, arXiv 2311.08135, eqs 5-10; Krotov & Hopfield, arXiv 2008.06996).

    *Additive* Lagrangians sum one function over the entries, so that an activation depends on its
    own state only. *Collective* ones couple all entries of `u`, whatever its shape.

    Everything is for one sample (batch with `jax.vmap`) and follows the dtype of `u`. States and
    parameters are dimensionless. Value, activation, energy and their gradients are finite for
    entries up to 1e4 in float32.

    To add one, write these four methods and the property, then enter it in the contract table of
    `tests/test_lagrangian.py`.

    Attributes:
        additive: Whether L is a sum over entries, and its Hessian therefore diagonal.
    """

    additive: ClassVar[bool]

    @abc.abstractmethod
    def __call__(self, u: Float[Array, "..."]) -> Scalar:
        """The value L(u).

        Args:
            u: The states of one layer, of any shape: neurons [N], synapses or processes [N, N].

        Returns:
            One number, summed over all entries.
        """

    @abc.abstractmethod
    def activation(self, u: Float[Array, "..."]) -> Float[Array, "..."]:
        """The activation y = dL/du.

        Written out rather than derived from the value: it is what the dynamics evaluate at every
        step, and should compile to one pass over `u`.

        Args:
            u: The states of one layer, of any shape.

        Returns:
            The gradient of L at `u`, of the shape of `u`.
        """

    @abc.abstractmethod
    def energy(self, u: Float[Array, "..."]) -> Scalar:
        """The Legendre energy u . y - L(u), where y is the activation at u.

        This is the convex conjugate of L taken at y. Its two terms may be large and nearly equal
        (for tanh both grow as |u|, and differ by less than log 2), so it is written in a form
        without that difference.

        Args:
            u: The states of one layer, of any shape.

        Returns:
            One number, summed over all entries; to be scaled by the layer's leak.
        """

    @abc.abstractmethod
    def inverse(self, y: Float[Array, "..."]) -> Float[Array, "..."]:
        """The states whose activation is `y`.

        Args:
            y: Activations, of any shape. An entry that rounding has put on the border of the
                activation's range, as in tanh(50) = 1, counts as the nearest number inside it.

        Returns:
            Finite states of the shape of `y`; NaN where `y` is outside the range.

        Raises:
            ValueError: For a Lagrangian whose activation forgets part of the states.
        """

    @property
    @abc.abstractmethod
    def slope_bound(self) -> Scalar:
        """The largest eigenvalue of the Hessian of L, taken over all states.

        For additive Lagrangians this is the steepest slope of the activation. Infinite where
        there is no bound. Differentiable with respect to the parameters. The certificate of a
        unique equilibrium compares leak / slope bound with the strength of the couplings.
        """
