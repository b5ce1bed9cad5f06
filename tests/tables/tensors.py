"""The process tensors that every contract test runs over: one line each in `TENSORS`."""

import jax.numpy as jnp
import jax.random as jr

from nam_jax._misc import symmetrise
from nam_jax.memory import (
    DenseTensor,
    DiffusionTensor,
    DistinctTensor,
    Hebbian,
    PatternTensor,
    Projection,
    Weighted,
    lattice_edges,
    lesion,
)

N, K = 8, 5


def signs(key, shape=(K, N)):
    return jr.rademacher(key, shape, float)


def weighted(key):
    return Weighted(symmetrise(jr.normal(key, (K, K))))


def identity(size=N):
    """T psi = psi, whose only eigenvalue on symmetric arrays is 1; antisymmetric ones become 0."""
    one = jnp.eye(size)
    return DenseTensor(
        (jnp.einsum("ik,jl->ijkl", one, one) + jnp.einsum("il,jk->ijkl", one, one)) / 2
    )


TENSORS = {
    "hebbian": lambda key: PatternTensor(signs(key)),
    "hebbian-autapses": lambda key: PatternTensor(signs(key), Hebbian(), autapses=True),
    "hebbian-real": lambda key: PatternTensor(jr.normal(key, (K, N)), strength=0.7),
    "projection": lambda key: PatternTensor(signs(key), Projection(), strength=1.3),
    "projection-autapses-real": lambda key: PatternTensor(
        jr.normal(key, (K, N)), Projection(), autapses=True
    ),
    "weighted": lambda key: PatternTensor(signs(key), weighted(key)),
    "weighted-diagonal": lambda key: PatternTensor(signs(key), Weighted(jr.normal(key, (K,)))),
    "distinct": lambda key: DistinctTensor(signs(key), strength=2.0),
    "diffusion": lambda key: DiffusionTensor(lattice_edges(N), 0.3),
    "sum": lambda key: PatternTensor(signs(key)) + DiffusionTensor(lattice_edges(N), 0.1),
    "scaled": lambda key: -0.5 * PatternTensor(signs(key)),
    "isolated": lambda key: lesion(PatternTensor(signs(key)), 0.4, key=key),
    "lesioned-sum": lambda key: lesion(
        2.0 * PatternTensor(signs(key)) + DiffusionTensor(lattice_edges(N), 0.1), 0.3, key=key
    ),
    "positive-definite": lambda key: identity() + PatternTensor(signs(key)),
    "negative-definite": lambda key: -0.5 * identity() + DiffusionTensor(lattice_edges(N), 0.3),
    "negative-dense": lambda key: DenseTensor((-2.0 * identity()).to_dense()),
    "dense-lesioned": lambda key: lesion(
        DenseTensor(PatternTensor(signs(key)).to_dense()), 0.4, key=key
    ),
}
