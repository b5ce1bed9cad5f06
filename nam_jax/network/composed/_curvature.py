"""The largest curvature that interactions give the energy, in units of what leaks give it."""

import math
from collections.abc import Sequence
from typing import Any, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.sparse.linalg import LinearOperator, eigsh

from nam_jax._misc import symmetrise

FEW = 64
"""Number of units up to which all eigenvalues are computed."""


def largest_curvature(
    network: Any, activations: Sequence[Any], free: Sequence[bool], scales: Sequence[Any]
) -> float:
    """Returns mu, the largest eigenvalue of R W R, and at least 0 where a layer holds pairs.

    W is minus the Hessian of the interactions by the activations of some layers. R multiplies each
    of them by an array or a function: by 1 / sqrt(leak / slope) it measures W against the curvature
    of the layers' own energies. Where mu < 1 the energy is convex.

    Products with W come from differentiation, and Lanczos' method (ARPACK) needs no matrix.

    Args:
        network: An `EnergyNetwork` with known numbers.
        activations: The activations of all layers, at which W is taken.
        free: Whether each layer is among those of W.
        scales: R for each layer.
    """
    arguments = network, tuple(activations), tuple(free), tuple(scales)
    chosen = zip(network.parts, free, strict=True)
    size = sum(math.prod(layer.units) for layer, is_free in chosen if is_free)
    if size <= FEW:
        matrix = np.asarray(_products(jnp.eye(size, dtype=network.dtype), *arguments), float)
        return float(np.linalg.eigvalsh((matrix + matrix.T) / 2)[-1])

    def matvec(v: np.ndarray) -> np.ndarray:
        return np.asarray(_products(jnp.asarray(v.reshape(1, -1)), *arguments)[0], float)

    operator: Any = cast(Any, LinearOperator)((size, size), matvec=matvec, dtype=float)
    start = np.random.default_rng(0).standard_normal(size)
    if not matvec(start).any():  # W = 0, for which ARPACK has no start
        return 0.0
    return float(eigsh(operator, k=1, which="LA", v0=start, return_eigenvectors=False)[0])


@eqx.filter_jit
def _products(
    vectors: Float[Array, "m n"],
    network: Any,
    activations: tuple[Any, ...],
    free: tuple[bool, ...],
    scales: tuple[Any, ...],
) -> Float[Array, "m n"]:
    """Returns R W R v for each row v; one program serves all networks of equal structure."""
    places = [place for place, is_free in enumerate(free) if is_free]
    layers = [network.parts[place] for place in places]
    ends = np.cumsum([math.prod(layer.units) for layer in layers])
    at = [activations[place] for place in places]

    def energy(chosen: list[Array]) -> Array:
        everything = list(activations)
        for place, y in zip(places, chosen, strict=True):
            everything[place] = y
        return network.interaction_energy(tuple(everything))

    def scaled(parts: list[Array]) -> list[Array]:
        return [
            _scaled(scales[place], part, layer.pairs)
            for place, layer, part in zip(places, layers, parts, strict=True)
        ]

    def product(v: Float[Array, " n"]) -> Float[Array, " n"]:
        parts = jnp.split(v.astype(network.dtype), ends[:-1])
        units = [part.reshape(y.shape) for part, y in zip(parts, at, strict=True)]
        _, bent = jax.jvp(jax.grad(energy), (at,), (scaled(units),))
        return -jnp.concatenate([part.ravel() for part in scaled(bent)])

    return jax.vmap(product)(vectors)


def _scaled(scale: Any, part: Array, pairs: bool) -> Array:
    """Returns the part of a layer, scaled; the symmetric part of it for a layer of pairs."""
    scaled: Any = scale(part) if callable(scale) else jnp.asarray(scale, part.dtype) * part
    return symmetrise(scaled) if pairs else scaled
