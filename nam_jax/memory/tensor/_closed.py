"""Closed forms for some kinds of tensors: the resolvent, and the contraction with one state.

They are functions that dispatch on the class of the tensor, because most classes have no such form.
"""

import functools
from collections.abc import Iterator, Sequence

import jax
import jax.numpy as jnp
import jax.scipy.linalg
from einops import rearrange
from jaxtyping import Array, Float

from nam_jax._misc import argument_error, symmetrise
from nam_jax._precision import precise
from nam_jax._types import Pattern, Patterns, Scalar
from nam_jax.memory.tensor._base import AbstractProcessTensor, ScaledTensor, SumTensor
from nam_jax.memory.tensor._dense import DenseTensor
from nam_jax.memory.tensor._pattern import PatternTensor, couple, pair_gram
from nam_jax.memory.tensor._rule import Weighted


@functools.singledispatch
def resolvent(tensor: AbstractProcessTensor, shift: Scalar) -> AbstractProcessTensor:
    """Returns the tensor T (shift - T)^-1 = T/shift + T^2/shift^2 + ..., the resolvent of T.

    Its n-th term is the flux over n steps from process to process. The inverse itself follows from
    (shift - T)^-1 = (1 + T (shift - T)^-1) / shift. The resolvent of a
    [`nam_jax.memory.PatternTensor`][] is a pattern tensor on the same patterns; it takes a K x K
    solve (the Woodbury identity). Dense tensors have a dense resolvent. Sums and multiples of these
    tensors have one too; a sum with a dense term, or of pattern tensors with and without autapses,
    is turned into a dense tensor first, for at most 64 neurons.

    Args:
        tensor: The process tensor T.
        shift: A number above the largest eigenvalue of T.

    Raises:
        ValueError: If `tensor` has terms of another class (their resolvent would need N^4 numbers),
            or if a sum that must become dense has more than 64 neurons.
    """
    raise _no_closed_form(tensor)


@resolvent.register
@precise
def _(tensor: PatternTensor, shift: Scalar) -> PatternTensor:
    xi = tensor.patterns
    gram = pair_gram(xi, autapses=tensor.autapses)
    driven = tensor.strength.astype(xi.dtype) * couple(tensor.couplings.astype(xi.dtype), gram)
    # T = (t / D) Z^T A Z, where row mu of Z holds the products xi_i xi_j of pattern mu, and
    # G = Z Z^T / D. So T (shift - T)^-1 = (t / D) Z^T B Z with B = A (shift - t G A)^-1, which
    # equals (shift - t A G)^-1 A: one solve. For example, K = 1 with autapses has G = A = 1; for
    # t = 0.5 and shift = 1, B is 2 and the eigenvalue t B is 1 = 0.5 + 0.25 + 0.125 + ...
    spread = shift.astype(xi.dtype) * jnp.eye(len(gram), dtype=xi.dtype) - driven
    couplings = jnp.linalg.solve(
        spread, couple(tensor.couplings, jnp.eye(len(gram), dtype=xi.dtype))
    )
    rule = Weighted(symmetrise(couplings))
    return PatternTensor(xi, rule, strength=tensor.strength, autapses=tensor.autapses)


@resolvent.register
@precise
def _(tensor: DenseTensor, shift: Scalar) -> DenseTensor:
    size = tensor.num_neurons
    matrix = rearrange(tensor.symmetric_entries(), "i j k l -> (i j) (k l)")
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
    """Yields factors and (pattern or dense) tensors; their weighted sum is `factor` * `tensor`."""
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
    """Returns the weighted sum of pattern tensors as one pattern tensor on all their patterns.

    Patterns of different parts are not coupled.
    """
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
    """Returns the error about a tensor whose class has no resolvent here."""
    requirement = "be made of PatternTensors and DenseTensors to have a closed form"
    return argument_error("tensor", requirement, f"the type {type(tensor).__name__}")


@functools.singledispatch
@precise
def contract(tensor: AbstractProcessTensor, phi: Pattern) -> Pattern:
    """Returns the vector (T phi phi^T) phi: the input of each neuron by fluxes that neurons drive.

    It costs O(K N + K^2) for a [`nam_jax.memory.PatternTensor`][], also for its multiples and in
    sums, and one call of T for other tensors.

    Args:
        tensor: The process tensor T.
        phi: Activity of the neurons, (N,).

    Returns:
        (N,); its dot product with `phi` is the quadratic form of T at phi phi^T.
    """
    return tensor(phi[:, None] * phi[None, :]) @ phi


@contract.register
@precise
def _(tensor: PatternTensor, phi: Pattern) -> Pattern:
    # With overlaps m_mu = xi^mu . phi, phi phi^T gives the drive d = A m^2 of patterns, and the
    # force is xi^T (d m). Without autapses the terms i = j are subtracted twice: from m^2 and from
    # the force. For example, N = 2, K = 1, xi = phi = (1, 1), A = t = 1: m = 2, d = 4 - 2 = 2, the
    # force is 2 * 2 - 2 * 1 = 2 on each neuron, and the result is 2 / D = 1.
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
    """Returns sum_a xi_ab^2 w_a, (b,); for entries of -1 and +1 it only sums w, which is fast."""
    binary = jnp.all(jnp.abs(xi) == 1)
    return jax.lax.cond(
        binary,
        lambda: jnp.full(xi.shape[1], jnp.sum(weights), weights.dtype),
        lambda: (xi**2).T @ weights,
    )


@_weighted_squares.defjvp
@precise
def _(primals, tangents):  # the branch for -1 and +1 alone would have the derivative 0 by xi
    (xi, weights), (dxi, dweights) = primals, tangents
    return _weighted_squares(xi, weights), (2 * xi * dxi).T @ weights + (xi**2).T @ dweights
