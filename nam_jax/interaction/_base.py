"""The interface of an interaction."""

import abc
import math
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float

from nam_jax._misc import argument_error, as_float, check_finite
from nam_jax._precision import AbstractPrecise
from nam_jax._types import Scalar

Activation = Float[Array, "..."]
"""The activations of one layer, of any shape."""

Shape = tuple[int, ...]


class AbstractInteraction(AbstractPrecise):
    """One term of the energy of a network: a smooth function of the activations of some layers.

    An [`nam_jax.network.EnergyNetwork`][] adds it to the energy, and each joined layer feels the
    force -dE/dy. By default `forces` are found by automatic differentiation; a class states them
    where that is cheaper. An interaction sees activations and never a layer, so that it works with
    every Lagrangian, leak and time constant. It needs no symmetry: forces of an energy are mutual.

    To add an interaction, write `energy`, `check` and `degree`, add a line to
    `nam_jax/interaction/__init__.py`, and one to `tests/tables/interactions.py`.

    Attributes:
        joins: The names of the joined layers, in the order in which methods take them.
    """

    joins: eqx.AbstractVar[tuple[str, ...]]

    def __check_init__(self):
        for name in self.joins:
            if not isinstance(name, str) or not name:
                raise argument_error("joins", "be names of layers", f"{name!r}")
        if len({*self.joins}) < len(self.joins):
            requirement = "join layers of different names"
            raise argument_error("interactions", requirement, " and ".join(self.joins))

    @property
    def dtype(self) -> np.dtype | None:
        """The float dtype of its arrays; None if it has none, so that other interactions decide."""
        leaves = jax.tree.leaves(eqx.filter(self, eqx.is_inexact_array))
        dtypes = [leaf.dtype for leaf in leaves if leaf.ndim]
        return np.result_type(*dtypes) if dtypes else None

    @abc.abstractmethod
    def energy(self, *activations: Activation) -> Scalar:
        """Returns the term of the energy, dimensionless.

        Args:
            *activations: The activations of the joined layers, in the order of `joins`.
        """

    @abc.abstractmethod
    def check(self, *shapes: Shape) -> None:
        """Checks that the interaction fits layers of these shapes, in the order of `joins`.

        Raises:
            ValueError: If it does not; the message names both shapes.
        """

    @abc.abstractmethod
    def degree(self, *free: bool) -> float | int:
        """Returns the degree of the energy as a polynomial in some activations, others being fixed.

        A network is certified where the degree in its fast layers is at most 2, because the
        curvature is then the same for all activities.

        Args:
            *free: Whether the activations of each joined layer vary.

        Returns:
            A whole number; infinity if the energy is no polynomial in them.
        """

    def growth(self, *free: bool) -> float | int:
        """Returns a power with which the energy may fall as the activations of some layers grow.

        By default it is `degree`. It is 0 if the energy is bounded below.

        Args:
            *free: Whether the activations of each joined layer vary.
        """
        return self.degree(*free)

    def forces(self, *activations: Activation) -> tuple[Activation, ...]:
        """Returns -dE/dy for each joined layer, in the order of `joins`.

        Args:
            *activations: The activations of the joined layers.
        """
        places = tuple(range(len(activations)))
        slopes = jax.grad(lambda *y: self.energy(*y), argnums=places)(*activations)
        return tuple(-slope for slope in slopes)


def numbers(name: str, value: Any, ndim: int) -> Array:
    """Returns finite numbers as a float array; traced values are not checked.

    Args:
        name: The name of the argument.
        value: An array, or lists of numbers.
        ndim: The number of axes that it must have.

    Raises:
        ValueError: If it has another number of axes, or holds numbers that are not finite.
    """
    array = as_float(value if eqx.is_array(value) else np.asarray(value))
    if array.ndim != ndim:
        raise argument_error(name, f"have {ndim} axes", f"shape {array.shape}")
    check_finite(name, array)
    return array


def check_shape(name: str, shape: Shape, needed: Shape, layers: str) -> None:
    """Raises a `ValueError` that names both shapes unless they are equal.

    Args:
        name: The argument of the interaction.
        shape: Its shape.
        needed: The shape that fits the layers.
        layers: What the needed shape is of, such as "the layers x and h of shapes (5,) and (3,)".
    """
    if shape != needed:
        raise argument_error(name, f"have shape {needed} for {layers}", f"shape {shape}")


def size_of(shape: Shape) -> int:
    """Returns the number of units of a layer."""
    return math.prod(shape)


def some(free: tuple[bool, ...]) -> int:
    """Returns how many layers vary."""
    return int(np.sum(free))


def named(joins: tuple[str, ...], *shapes: Shape) -> str:
    """Returns the layers with their shapes, for messages."""
    parts = [f"`{name}` of shape {shape}" for name, shape in zip(joins, shapes, strict=True)]
    return " and ".join(parts)


def like(weights: Array, activation: Any) -> Array:
    """Returns `weights` in the dtype of an activation."""
    return weights.astype(activation.dtype)
