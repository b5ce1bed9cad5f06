"""Closed forms of tensors that have them: the resolvent, and the action on one state's pairs.

Functions that choose by the kind of tensor, because most kinds have neither.
"""

import functools
from collections.abc import Iterator, Sequence

import jax
import jax.numpy as jnp
import jax.scipy.linalg
from einops import rearrange
from jaxtyping import Array, Float

from nam_jax._misc import argument_error, symmetrise
from nam_jax._types import Pattern, Patterns, Scalar
from nam_jax.memory.tensor._base import AbstractProcessTensor, ScaledTensor, SumTensor
from nam_jax.memory.tensor._dense import DenseTensor
from nam_jax.memory.tensor._pattern import PatternTensor, couple, pair_gram
from nam_jax.memory.tensor._rule import Weighted


@functools.singledispatch
def resolvent(tensor: AbstractProcessTensor, shift: Scalar) -> AbstractProcessTensor:
    """The tensor T (shift - T)^-1 = T/shift + T^2/shift^2 + ...: flux over any number of rounds.

    With it (shift - T)^-1 = (1 + T (shift - T)^-1) / shift. That of a
    [`nam_jax.memory.PatternTensor`][] is one on the same patterns, by a K x K solve (the Woodbury
    identity). Dense tensors have it too, and scalings and sums of both; a sum with dense parts, or
    of pattern tensors with and without autapses, becomes a dense tensor, for at most 64 neurons.

    Args:
        tensor: The process tensor T.
        shift: Above the largest eigenvalue of T.

    Raises:
        ValueError: If `tensor` is of another kind, whose resolvent would need N^4 numbers.
    """
    raise _no_closed_form(tensor)


@resolvent.register
def _(tensor: PatternTensor, shift: Scalar) -> PatternTensor:
    xi = tensor.patterns
    gram = pair_gram(xi, autapses=tensor.autapses)
    driven = tensor.strength.astype(xi.dtype) * couple(tensor.couplings.astype(xi.dtype), gram)
    # A (shift - t G A)^-1 = (shift - t A G)^-1 A, one solve with a matrix on the right.
    spread = shift.astype(xi.dtype) * jnp.eye(len(gram), dtype=xi.dtype) - driven
    couplings = jnp.linalg.solve(
        spread, couple(tensor.couplings, jnp.eye(len(gram), dtype=xi.dtype))
    )
    rule = Weighted(symmetrise(couplings))
    return PatternTensor(xi, rule, strength=tensor.strength, autapses=tensor.autapses)


@resolvent.register
def _(tensor: DenseTensor, shift: Scalar) -> DenseTensor:
    size = tensor.num_neurons
    matrix = rearrange(tensor.entries, "i j k l -> (i j) (k l)")
    spread = shift.astype(matrix.dtype) * jnp.eye(size**2, dtype=matrix.dtype) - matrix
    flux = symmetrise(jnp.linalg.solve(spread, matrix))
    return DenseTensor(flux.reshape(tensor.entries.shape))


@resolvent.register
def _(tensor: ScaledTensor, shift: Scalar) -> AbstractProcessTensor:
    return resolvent(tensor.tensor, shift / tensor.factor)


@resolvent.register
def _(tensor: SumTensor, shift: Scalar) -> AbstractProcessTensor:
    parts = list(_parts(tensor, jnp.ones_like(shift)))
    patterns = [(factor, part) for factor, part in parts if isinstance(part, PatternTensor)]
    if len(patterns) == len(parts) and len({part.autapses for _, part in patterns}) == 1:
        return resolvent(_joined(patterns), shift)
    return resolvent(DenseTensor(sum(factor * part.to_dense() for factor, part in parts)), shift)


def _parts(
    tensor: AbstractProcessTensor, factor: Scalar
) -> Iterator[tuple[Scalar, PatternTensor | DenseTensor]]:
    """Yields the pattern and dense tensors that `factor` times a tensor is a weighted sum of."""
    if isinstance(tensor, SumTensor):
        for part in tensor.tensors:
            yield from _parts(part, factor)
    elif isinstance(tensor, ScaledTensor):
        yield from _parts(tensor.tensor, factor * tensor.factor.astype(factor.dtype))
    elif isinstance(tensor, PatternTensor | DenseTensor):
        yield factor, tensor
    else:
        raise _no_closed_form(tensor)


def _joined(parts: Sequence[tuple[Scalar, PatternTensor]]) -> PatternTensor:
    """The weighted sum of pattern tensors, as one on all patterns: no two parts are coupled."""
    dtype = parts[0][1].patterns.dtype
    blocks = []
    for factor, part in parts:
        identity = jnp.eye(part.patterns.shape[0], dtype=part.couplings.dtype)
        weight = factor.astype(dtype) * part.strength.astype(dtype)
        blocks.append(weight * couple(part.couplings, identity).astype(dtype))
    patterns = jnp.concatenate([part.patterns.astype(dtype) for _, part in parts])
    rule = Weighted(jax.scipy.linalg.block_diag(*blocks))
    return PatternTensor(patterns, rule, autapses=parts[0][1].autapses)


def _no_closed_form(tensor: AbstractProcessTensor) -> ValueError:
    requirement = "be made of PatternTensors and DenseTensors to have a closed form"
    return argument_error("tensor", requirement, f"the type {type(tensor).__name__}")


@functools.singledispatch
def contract(tensor: AbstractProcessTensor, phi: Pattern) -> Pattern:
    """The vector (T phi phi^T) phi: what neurons receive through fluxes that they drive.

    O(K N + K^2) for a [`nam_jax.memory.PatternTensor`][], also scaled or in a sum; the cost of one
    call for any other.

    Args:
        tensor: The process tensor T.
        phi: Activity of the neurons, (N,).

    Returns:
        (N,); its product with `phi` is the quadratic form of phi phi^T.
    """
    return tensor(phi[:, None] * phi[None, :]) @ phi


@contract.register
def _(tensor: PatternTensor, phi: Pattern) -> Pattern:
    xi = tensor.patterns
    size = tensor.num_neurons * (tensor.num_neurons - (not tensor.autapses))
    overlaps = xi @ phi
    pairs = overlaps**2
    if not tensor.autapses:
        pairs = pairs - _weighted_squares(xi.T, phi**2)
    drive = couple(tensor.couplings.astype(phi.dtype), pairs)
    force = xi.T @ (drive * overlaps)
    if not tensor.autapses:
        force = force - _weighted_squares(xi, drive) * phi
    return tensor.strength.astype(phi.dtype) / size * force


@contract.register
def _(tensor: ScaledTensor, phi: Pattern) -> Pattern:
    return tensor.factor.astype(phi.dtype) * contract(tensor.tensor, phi)


@contract.register
def _(tensor: SumTensor, phi: Pattern) -> Pattern:
    first, *others = (contract(part, phi) for part in tensor.tensors)
    return sum(others, start=first)


@jax.custom_jvp
def _weighted_squares(xi: Patterns, weights: Float[Array, " a"]) -> Float[Array, " b"]:
    """sum_a xi_ab^2 w_a: for patterns of -1 and +1 the sum of the weights, at no product's cost."""
    binary = jnp.all(jnp.abs(xi) == 1)
    return jax.lax.cond(
        binary,
        lambda: jnp.full(xi.shape[1], jnp.sum(weights), weights.dtype),
        lambda: (xi**2).T @ weights,
    )


@_weighted_squares.defjvp
def _(primals, tangents):  # the derivative by xi is not that of a constant
    (xi, weights), (dxi, dweights) = primals, tangents
    return _weighted_squares(xi, weights), (2 * xi * dxi).T @ weights + (xi**2).T @ dweights
