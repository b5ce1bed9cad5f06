"""Random collections of sets of neurons, and the binary memory whose connections they are."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy
from jaxtyping import Array, ArrayLike, Float, Int

from nam_jax._types import AnyPattern, Pattern, Scalar
from nam_jax.network import AbstractDiscreteNetwork


class Kind(NamedTuple):
    """How many sets a complex has, in units of C = N (N - 1) / 2, the number of all pairs.

    A set of n neurons has n pins, the places at which a connection touches a neuron: C pairs have
    2 C pins, and so have 2 C / 3 triples.

    Attributes:
        pairs: Number of pairs over C.
        triples: Number of triples over C.
    """

    pairs: float
    triples: float


KINDS = {
    "pairs": Kind(1, 0),
    "triples": Kind(0, 1),
    "mixed": Kind(1 / 2, 1 / 2),
    "triples, equal pins": Kind(0, 2 / 3),
    "mixed, equal pins": Kind(3 / 5, 4 / 15),
    "all pairs and triples": Kind(1, 1),
}
"""The kinds that are compared. All but the last have either C sets or the pins of C pairs."""

Sets = tuple[Int[np.ndarray, "_ _"], ...]
"""The units of each set, for the sizes n = 2 and 3; a size without sets is left out."""


def complex_of(kind: Kind, size: int, random: np.random.Generator) -> Sets:
    """Returns different random pairs and triples of `size` neurons, as many as `kind` says."""
    pairs = size * (size - 1) // 2
    counts = {2: round(kind.pairs * pairs), 3: round(kind.triples * pairs)}
    return tuple(_random_sets(n, count, size, random) for n, count in counts.items() if count)


def _random_sets(n: int, count: int, size: int, random: np.random.Generator) -> np.ndarray:
    """Returns different random sets of n of `size` neurons, (count, n)."""
    # Every set a_1 < ... < a_n has one rank, C(a_n, n) + ... + C(a_1, 1), from 0 to C(size, n) - 1.
    # For example, the pairs 01, 02, 12, 03 have the ranks 0, 1, 2, 3; rank 3 gives a_2 = 3, because
    # C(3, 2) = 3 is the largest that is not above it, and a_1 = 0.
    ranks = random.choice(round(scipy.special.comb(size, n)), count, replace=False)
    units = []
    for k in range(n, 0, -1):
        table = np.round(scipy.special.comb(np.arange(size), k)).astype(np.int64)
        units.append(np.searchsorted(table, ranks, side="right") - 1)
        ranks = ranks - table[units[-1]]
    return np.stack(units[::-1], axis=1)


class Members(NamedTuple):
    """The sets that each neuron is in, for sets of one size n; shorter rows are padded.

    Attributes:
        places: Numbers of the sets, (N, P); for padding, the number of sets.
        partners: The other neurons of these sets, (N, P, n - 1); for padding, 0.
    """

    places: Int[np.ndarray, "N P"]
    partners: Int[np.ndarray, "N P others"]


def members_of(sets: Int[np.ndarray, "S n"], size: int, width: int | None = None) -> Members:
    """Returns the sets of each neuron.

    Args:
        sets: The units of each set.
        size: N.
        width: P, at least the largest number of sets of a neuron; None for this number.
    """
    count, n = sets.shape
    # One row for each pin: its neuron, its set, and the others of the set.
    others = np.stack([np.delete(sets, k, axis=1) for k in range(n)])
    order = np.argsort(sets.T.ravel(), kind="stable")
    neurons = sets.T.ravel()[order]
    degrees = np.bincount(neurons, minlength=size)
    turn = np.arange(n * count) - np.repeat(np.cumsum(degrees) - degrees, degrees)
    width = int(degrees.max()) if width is None else width
    places = np.full((size, width), count)
    partners = np.zeros((size, width, n - 1), np.int64)
    places[neurons, turn] = np.tile(np.arange(count), n)[order]
    partners[neurons, turn] = others.reshape(-1, n - 1)[order]
    return Members(places.astype(np.int32), partners.astype(np.int32))


def weights_of(
    sets: Int[np.ndarray, "S n"], patterns: Float[np.ndarray, "K N"]
) -> Float[np.ndarray, " S"]:
    """Returns N w = sum_mu prod_(i in sigma) xi_i^mu of each set, exact whole numbers.

    It is N times the weight of [`nam_jax.interaction.Setwise`][] made by `from_patterns`, so that
    fields are whole numbers and a field of 0 is exactly 0.
    """
    units = np.ascontiguousarray(patterns.T, np.float32)
    product = units[sets[:, 0]]
    for k in range(1, sets.shape[1] - 1):
        product = product * units[sets[:, k]]
    return np.einsum("sk,sk->s", product, units[sets[:, -1]])


class SignMemory(AbstractDiscreteNetwork):
    """Binary neurons S, joined in sets: a neuron takes the sign of its field, and 0 keeps it.

        E = -sum_sigma w_sigma prod_(i in sigma) S_i
        h_i = sum_(sigma with i) w_sigma prod_(j in sigma, j != i) S_j = -dE/dS_i

    Updates one by one never raise E. A field costs the number of sets of its neuron. Source: Burns
    & Fukai, Simplicial Hopfield networks, arXiv 2305.05179.

    Attributes:
        partners: For each size n of sets the other neurons of the sets of each neuron, (N, P, n -
            1).
        weights: The weights of these sets, (N, P); 0 for padding.
    """

    partners: tuple[Int[Array, "N _ _"], ...]
    weights: tuple[Float[Array, "N _"], ...]

    @property
    def dtype(self) -> np.dtype:
        return self.weights[0].dtype

    @property
    def has_energy(self) -> bool:
        return True

    def initial_state(self, cue: ArrayLike) -> Pattern:
        return jnp.sign(self.as_state(jnp.asarray(cue)))

    def local_field(self, state: AnyPattern) -> Pattern:
        units = jnp.arange(len(self.weights[0]))
        return jax.vmap(lambda i: self.field_of((), self.as_state(state), i))(units)

    def carry(self, state: AnyPattern) -> tuple[()]:
        return ()

    def field_of(self, carry: Any, state: Pattern, i: int | Int[Array, ""]) -> Scalar:
        return jnp.sum(jnp.stack(self._parts(state, i)))

    def fields_in(self, carry: Any) -> None:
        return None

    def flipped(self, carry: Any, state: Pattern, i: int | Int[Array, ""], change: Scalar) -> Any:
        return carry

    def partial_fields(self, state: Pattern, counts: tuple[int, ...]) -> None:
        return None

    def energy(self, state: AnyPattern, drive: Any = None, t: Scalar | float = 0.0) -> Scalar:
        """Returns E. S . h counts a set of n neurons n times."""
        self.as_drive(drive)
        units, bits = jnp.arange(len(self.weights[0])), self.as_state(state)
        parts = jax.vmap(lambda i: self._parts(bits, i))(units)
        shares = [
            jnp.vdot(bits, field) / (1 + partners.shape[-1])
            for field, partners in zip(parts, self.partners, strict=True)
        ]
        return -jnp.sum(jnp.stack(shares))

    def stored_rows(self) -> None:
        return None

    def row_axes(self) -> tuple[Any, None]:
        return jax.tree.map(lambda leaf: None, self), None

    def readout(self, state: AnyPattern) -> Pattern:
        return self.as_state(state)

    def _parts(self, state: Pattern, i: int | Int[Array, ""]) -> list[Scalar]:
        """Returns the field of neuron i from the sets of each size."""
        return [
            jnp.vdot(weights[i], jnp.prod(state[partners[i]], axis=-1))
            for partners, weights in zip(self.partners, self.weights, strict=True)
        ]
