"""Interactions that store patterns within one layer: by a separation function, and by sets."""

import math
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Int

from nam_jax._misc import argument_error, is_concrete, positive_number
from nam_jax._types import Patterns, Scalar
from nam_jax.interaction._base import (
    AbstractInteraction,
    Activation,
    Shape,
    check_shape,
    like,
    named,
    numbers,
    size_of,
    some,
)
from nam_jax.memory import (
    AbstractSeparation,
    Exponential,
    LogSumExp,
    Power,
    check_patterns,
)

Units = ArrayLike | Sequence[Any]
"""Sets of one size: an array, (S, n), or a list of lists of unit numbers."""


class Dense(AbstractInteraction):
    """E = -t sum_mu F(xi_mu . y): patterns xi that attract the activations y of a layer.

    The force is t Xi^T F'(Xi y). If the layer has rows that are as long as a pattern, as tokens
    have, each row has the term for itself: with F(z) = max(z, 0)^2 / 2 it is the memory of the
    Energy Transformer. Sources: Krotov & Hopfield, arXiv 1606.01164 and 2008.06996; Hoover et al.,
    arXiv 2302.07253.

    Attributes:
        joins: The name of the layer, (N,) or (..., N).
        patterns: Xi, (K, N).
        separation: F.
        strength: t, above 0.
    """

    joins: tuple[str, ...] = eqx.field(static=True)
    patterns: Patterns
    separation: AbstractSeparation
    strength: Scalar

    def __init__(
        self,
        layer: str,
        patterns: ArrayLike,
        separation: AbstractSeparation | None = None,
        *,
        strength: float | Scalar = 1.0,
    ):
        """Stores `patterns` in a layer; F is z^4 / 4 by default.

        Raises:
            ValueError: If `patterns` are not (K, N) finite numbers, or `strength` is not above 0.
        """
        self.joins = (layer,)
        self.patterns = check_patterns(patterns)
        self.separation = Power(4) if separation is None else separation
        self.strength = positive_number("strength", strength)

    def energy(self, *activations: Activation) -> Scalar:
        (layer,) = activations
        values = jax.vmap(self.separation)(self._overlaps(layer))
        return -like(self.strength, layer) * jnp.sum(values)

    def forces(self, *activations: Activation) -> tuple[Activation]:
        (layer,) = activations
        slopes = jax.vmap(self.separation.slope)(self._overlaps(layer))
        back = like(self.strength, layer) * (slopes @ like(self.patterns, layer))
        return (back.reshape(layer.shape),)

    def check(self, *shapes: Shape) -> None:
        (layer,) = shapes
        length = layer[-1] if layer else 1
        needed = (self.patterns.shape[0], length)
        check_shape("patterns", self.patterns.shape, needed, named(self.joins, layer))

    def degree(self, *free: bool) -> float | int:
        if not some(free):
            return 0
        return self.separation.n if isinstance(self.separation, Power) else math.inf

    def growth(self, *free: bool) -> float | int:
        if not some(free):
            return 0
        powers = {LogSumExp: 1.0, Exponential: math.inf}
        return powers.get(type(self.separation), getattr(self.separation, "n", math.inf))

    def _overlaps(self, layer: Activation) -> Float[Array, "rows K"]:
        return layer.reshape(-1, self.patterns.shape[1]) @ like(self.patterns, layer).T


class Setwise(AbstractInteraction):
    """E = -sum_sigma w_sigma prod_(i in sigma) y_i over sets sigma of units: edges, triangles, ...

    Memory and time are in proportion to the number of sets. With w_sigma = 1/N sum_mu prod_(i in
    sigma) xi_i^mu, as by `from_patterns`, it stores patterns: Burns & Fukai, Simplicial Hopfield
    networks, arXiv 2305.05179. All edges are Hopfield's network. Sets of three and more have no
    lowest energy where activations are unbounded.

    Attributes:
        joins: The name of the layer, whose units are numbered row by row.
        sets: For each size n of sets the numbers of their units, (S_n, n).
        weights: For each size the weights w, (S_n,).
    """

    joins: tuple[str, ...] = eqx.field(static=True)
    sets: tuple[Int[Array, "S n"], ...]
    weights: tuple[Float[Array, " S"], ...]

    def __init__(self, layer: str, sets: Sequence[Units], weights: Sequence[Any]):
        """Joins the units of each set.

        Args:
            layer: The name of the layer.
            sets: One array of unit numbers, (S_n, n), for each size n of sets.
            weights: One array of weights, (S_n,), for each size.

        Raises:
            ValueError: If `sets` are no such arrays, hold a unit twice in a set, or do not fit
                `weights`.
        """
        self.joins = (layer,)
        if not len(sets):
            raise argument_error("sets", "hold at least one array of sets", "none")
        self.sets = tuple(_checked_sets(units) for units in sets)
        self.weights = tuple(numbers("weights", values, 1) for values in weights)
        counts, given = [len(units) for units in self.sets], [len(w) for w in self.weights]
        if counts != given:
            requirement = f"hold {counts} numbers, one for each set"
            raise argument_error("weights", requirement, f"{given}")

    @classmethod
    def from_patterns(cls, layer: str, sets: Sequence[Units], patterns: ArrayLike) -> "Setwise":
        """Returns w_sigma = 1/N sum_mu prod_(i in sigma) xi_i^mu.

        Args:
            layer: The name of the layer.
            sets: One array of unit numbers, (S_n, n), for each size n of sets.
            patterns: Xi, (K, N).

        Raises:
            ValueError: If an argument is not of this form.
        """
        rows = check_patterns(patterns)
        checked = [_checked_sets(units) for units in sets]
        for units in checked:
            _check_units(units, rows.shape[1])
        weights = [
            jnp.sum(jnp.prod(rows[:, units], axis=-1), axis=0) / rows.shape[1] for units in checked
        ]
        return cls(layer, checked, weights)

    def energy(self, *activations: Activation) -> Scalar:
        (layer,) = activations
        units = layer.ravel()
        terms = [
            jnp.vdot(like(weights, layer), jnp.prod(units[sets], axis=-1))
            for sets, weights in zip(self.sets, self.weights, strict=True)
        ]
        return -jnp.sum(jnp.stack(terms))

    def check(self, *shapes: Shape) -> None:
        (layer,) = shapes
        for sets in self.sets:
            _check_units(sets, size_of(layer))

    def degree(self, *free: bool) -> float | int:
        return max(sets.shape[1] for sets in self.sets) if some(free) else 0


def _checked_sets(units: Units) -> Int[Array, "S n"]:
    array = np.asarray(units)
    if array.ndim != 2 or not array.size or not np.issubdtype(array.dtype, np.integer):
        requirement = "hold arrays of whole numbers, (number of sets, units in a set)"
        raise argument_error("sets", requirement, f"shape {array.shape} of {array.dtype}")
    ordered = np.sort(array, axis=1)
    if np.any(ordered[:, 1:] == ordered[:, :-1]) or ordered[:, 0].min() < 0:
        raise argument_error("sets", "hold different units, numbered from 0", "other numbers")
    return jnp.asarray(array, jnp.int32)


def _check_units(sets: Int[Array, "S n"], size: int) -> None:
    largest = int(np.max(np.asarray(sets))) if is_concrete(sets) else 0
    if largest >= size:
        raise argument_error("sets", f"hold units below {size}, the number of units", largest)
