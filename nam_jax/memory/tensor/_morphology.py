"""An astrocyte in space: positions of its processes, and which of them exchange calcium."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy
from jaxtyping import Array, Bool, Float, Int

from nam_jax._misc import argument_error, as_float, axes_of, check_finite, check_key, is_concrete
from nam_jax._precision import AbstractPrecise
from nam_jax._types import Key, Pairs, Scalar
from nam_jax.memory.tensor._base import (
    LARGEST_DENSE,
    AbstractProcessTensor,
    largest_eigenvalue_of,
    smallest_eigenvalue_of,
)
from nam_jax.memory.tensor._dense import DenseTensor
from nam_jax.memory.tensor._lesion import isolate

_BRANCH_SHARE = 0.6
"""Length of a primary branch, as a share of the radius of the territory."""


class Morphology(AbstractPrecise):
    """Positions of the processes of an astrocyte, and distances between them along its branches.

    Processes ij and ji are the same process, so there are P = N (N + 1) / 2 processes. They are
    numbered row by row in the upper triangle of an N x N array. For example, N = 2 has the
    processes 00, 01 and 11, with the numbers 0, 1 and 2.

    Attributes:
        positions: (N, N, 3), symmetric in its first two axes, in micrometres.
        distances: (P, P), length of the path along the branches, in micrometres.
        num_neurons: N.
    """

    positions: Float[Array, "N N 3"]
    distances: Float[Array, "P P"]
    num_neurons: int = eqx.field(static=True)

    def __init__(self, positions: Float[Array, "N N 3"], distances: Float[Array, "P P"]):
        """Checks and stores positions and distances.

        Args:
            positions: (N, N, 3), symmetric in its first two axes, in micrometres.
            distances: (P, P), symmetric, at least 0, and 0 on the diagonal, in micrometres.

        Raises:
            ValueError: If an array has the wrong shape, is not finite, or is not symmetric, or if a
                distance is negative, or that of a process from itself is not 0.
        """
        size = positions.shape[0]
        processes = size * (size + 1) // 2
        if positions.shape != (size, size, 3):
            raise argument_error("positions", "have shape (N, N, 3)", f"shape {positions.shape}")
        if distances.shape != (processes, processes):
            requirement = f"have shape ({processes}, {processes}) for {size} neurons"
            raise argument_error("distances", requirement, f"shape {distances.shape}")
        for name, array in {"positions": positions, "distances": distances}.items():
            check_finite(name, array)
            if is_concrete(array) and not bool(jnp.allclose(array, array.swapaxes(0, 1))):
                raise argument_error(name, "be symmetric", "entries ij and ji that differ")
        if is_concrete(distances):
            lengths = np.asarray(distances)
            if (lengths < 0).any() or np.diagonal(lengths).any():
                requirement = "be lengths of at least 0 micrometres, and 0 on the diagonal"
                given = f"{lengths.min():.3g}" if lengths.min() < 0 else "a diagonal that is not 0"
                raise argument_error("distances", requirement, given)
        self.positions = positions
        self.distances = distances
        self.num_neurons = size

    def between(self) -> Float[Array, "N N N N"]:
        """Returns the distance of process ij from process kl, (N, N, N, N), in micrometres."""
        number = jnp.asarray(_process_numbers(self.num_neurons)).reshape(-1)
        size = self.num_neurons
        return self.distances[number[:, None], number[None, :]].reshape(size, size, size, size)

    def share_within(self, radius: float | Scalar) -> Scalar:
        """Returns the share of pairs of processes with a distance of at most `radius`.

        All P^2 ordered pairs count, also the pair of a process with itself.

        Args:
            radius: In micrometres.
        """
        return jnp.mean(self.distances <= radius, dtype=self.distances.dtype)

    def halves(self) -> Bool[Array, "N N"]:
        """Returns True for half of the processes, on one side of a plane, (N, N), symmetric.

        The plane is perpendicular to the axis along which positions vary most. If P is odd, the
        half has (P - 1) / 2 processes.
        """
        upper = np.triu_indices(self.num_neurons)
        points = self.positions[upper]
        centred = points - jnp.mean(points, axis=0, keepdims=True)
        axis = jnp.linalg.svd(centred, full_matrices=False)[2][0]
        rank = jnp.argsort(jnp.argsort(centred @ axis))
        return (rank < len(rank) // 2)[_process_numbers(self.num_neurons)]


def grow_astrocyte(
    num_neurons: int,
    *,
    key: Key,
    territory_radius: float = 30.0,
    num_branches: int = 6,
    step: float = 2.0,
) -> Morphology:
    """Returns the morphology of a random branching tree, grown with NumPy on the host.

    Primary branches leave the soma in random directions. Each further node is grown as follows: a
    point of the territory, a ball, is drawn, and a new node is placed at most `step` from the
    nearest node towards the point. This is a rapidly exploring random tree (LaValle 1998), which
    branches and fills its territory. It grows one node for each process; primary branches carry no
    processes. Processes take these nodes in random order, so that processes with similar indices
    are not near in space.

    Args:
        num_neurons: N, from 1 to 64; the distances take about N^4 / 4 numbers.
        key: Random key; not traced.
        territory_radius: Radius of the territory, in micrometres.
        num_branches: Number of primary branches, at least 1.
        step: Largest distance between a node and its parent, in micrometres.

    Raises:
        ValueError: If a number is out of range.
    """
    check_key(key)
    _check_growth(num_neurons, territory_radius, num_branches, step)
    random = np.random.default_rng(np.asarray(jax.random.key_data(key)).tolist())
    processes = num_neurons * (num_neurons + 1) // 2
    nodes, parents = _primary_branches(random, territory_radius, num_branches, step)
    num_bare = len(nodes)
    while len(nodes) < num_bare + processes:
        # The cube root makes the target uniform in the ball. For example, with step = 2 and a
        # target at a distance of 8 from the nearest node, the new node is a quarter of the way.
        target = _directions(random, 1)[0] * territory_radius * random.random() ** (1 / 3)
        distances = np.linalg.norm(target - np.stack(nodes), axis=1)
        nearest = int(distances.argmin())
        share = min(1.0, step / max(distances[nearest], 1e-12))
        nodes.append(nodes[nearest] + share * (target - nodes[nearest]))
        parents.append(nearest)
    node_of_process = num_bare + random.permutation(processes)
    paths = _paths(np.stack(nodes), np.asarray(parents))[np.ix_(node_of_process, node_of_process)]
    positions = np.stack(nodes)[node_of_process][_process_numbers(num_neurons)]
    return Morphology(as_float(positions), as_float(paths))


def exchange_within(
    tensor: AbstractProcessTensor, morphology: Morphology, radius: float | Scalar
) -> DenseTensor:
    """Returns `tensor` without fluxes between processes more than `radius` apart along branches.

    Args:
        tensor: T, over at most 64 neurons; it is not changed.
        morphology: Positions and distances of the processes of T.
        radius: At least 0, in micrometres. With 0, only the flux of each process onto itself is
            left, if no two processes are at the same place.

    Raises:
        ValueError: If N is above 64, or `morphology` has another N, or `radius` is negative or NaN.
    """
    if morphology.num_neurons != tensor.num_neurons:
        requirement = f"have {tensor.num_neurons} neurons, as the tensor has"
        raise argument_error("morphology", requirement, morphology.num_neurons)
    radius = as_float(radius)
    if is_concrete(radius) and not bool(radius >= 0):
        raise argument_error("radius", "be at least 0 micrometres", f"{float(radius):.3g}")
    entries = tensor.symmetric_entries() if isinstance(tensor, DenseTensor) else tensor.to_dense()
    return DenseTensor(jnp.where(morphology.between() <= radius, entries, 0))


class GapJunctionTensor(AbstractProcessTensor):
    """The processes of two astrocytes, joined by gap junctions of strength g.

        T_g psi = P_A T (psi_A + g psi_B) + P_B T (g psi_A + psi_B)

    P_A keeps the processes of astrocyte A and sets the others to 0; psi_A is P_A psi. P_B keeps the
    processes of astrocyte B; psi_B is P_B psi. Fluxes within an astrocyte stay as in T, and fluxes
    between the two astrocytes are multiplied by g. No eigenvalue exceeds the largest eigenvalue of
    T, so a certified network stays certified.

    Attributes:
        tensor: T, of one astrocyte that has all processes.
        territory: (N, N), symmetric; True for processes of astrocyte A, False for B.
        coupling: g, in [0, 1], dimensionless.
    """

    tensor: AbstractProcessTensor
    territory: Bool[Array, "N N"]
    coupling: Scalar
    num_neurons: int = eqx.field(static=True)

    def __init__(
        self,
        tensor: AbstractProcessTensor,
        territory: Bool[Array, "N N"],
        coupling: float | Scalar,
    ):
        """Divides the processes of `tensor` between two astrocytes, A and B.

        Args:
            tensor: T, of one astrocyte that has all processes.
            territory: (N, N), symmetric; True for processes of A, False for processes of B.
            coupling: g, the factor of fluxes between A and B. With 1 the result equals T, with 0 no
                flux passes between A and B.

        Raises:
            ValueError: If `territory` is not (N, N) or not symmetric, or `coupling` is outside
                [0, 1].
        """
        size = tensor.num_neurons
        if territory.shape != (size, size):
            raise argument_error(
                "territory", f"have shape {(size, size)}", f"shape {territory.shape}"
            )
        known = np.asarray(territory) if is_concrete(territory) else None  # also inside of jit
        if known is not None and not np.all(known == known.T):
            raise argument_error("territory", "be symmetric", "entries ij and ji that differ")
        self.coupling = as_float(coupling)
        if is_concrete(self.coupling) and not 0 <= float(self.coupling) <= 1:
            raise argument_error("coupling", "lie in [0, 1]", f"{float(self.coupling):.3g}")
        self.tensor = tensor
        self.territory = territory
        self.num_neurons = size

    @property
    def dtype(self) -> np.dtype | None:
        return self.tensor.dtype

    def row_axes(self) -> Any:
        return axes_of(self, lambda t: (t.territory, t.tensor), (0, self.tensor.row_axes()))

    def __call__(self, psi: Pairs) -> Pairs:
        g = self.coupling.astype(psi.dtype)
        into_first = self.tensor(jnp.where(self.territory, psi, g * psi))
        into_second = self.tensor(jnp.where(self.territory, g * psi, psi))
        return jnp.where(self.territory, into_first, into_second)

    def quadratic_form(self, psi: Pairs) -> Scalar:
        return jnp.vdot(psi, self(psi))

    def largest_eigenvalue(self) -> Scalar:
        return largest_eigenvalue_of(self)

    def smallest_eigenvalue(self) -> Scalar:
        return smallest_eigenvalue_of(self)

    def lesion(self, fraction: Scalar, *, key: Key) -> AbstractProcessTensor:
        return isolate(self, fraction, key=key)


def _process_numbers(num_neurons: int) -> Int[np.ndarray, "N N"]:
    """Returns the number of process ij, (N, N), which is also the number of ji."""
    number = np.zeros((num_neurons, num_neurons), int)
    upper = np.triu_indices(num_neurons)
    number[upper] = np.arange(len(upper[0]))
    return np.maximum(number, number.T)


def _directions(random: np.random.Generator, num: int) -> Float[np.ndarray, "a 3"]:
    """Returns `num` random vectors of length 1, (num, 3)."""
    arrows = random.normal(size=(num, 3))
    return arrows / np.linalg.norm(arrows, axis=1, keepdims=True)


def _primary_branches(
    random: np.random.Generator, radius: float, num_branches: int, step: float
) -> tuple[list[np.ndarray], list[int]]:
    """Returns the nodes of the soma and of straight branches, and the number of each parent.

    The soma is node 0 and counts as its own parent.
    """
    nodes, parents = [np.zeros(3)], [0]
    lengths = np.linspace(
        0, _BRANCH_SHARE * radius, int(np.ceil(_BRANCH_SHARE * radius / step)) + 1
    )
    for direction in _directions(random, num_branches):
        for place, length in enumerate(lengths[1:]):
            parents.append(len(nodes) - 1 if place else 0)
            nodes.append(length * direction)
    return nodes, parents


def _paths(nodes: Float[np.ndarray, "a 3"], parents: Int[np.ndarray, " a"]) -> np.ndarray:
    """Returns the distances between all nodes along the tree, (a, a), in micrometres.

    Args:
        nodes: Positions; the soma is node 0.
        parents: Number of the parent of each node; the entry of the soma is not used.
    """
    children = np.arange(1, len(nodes))
    lengths = np.linalg.norm(nodes[1:] - nodes[parents[1:]], axis=1)
    tree = scipy.sparse.coo_array(
        (lengths, (children, parents[1:])), shape=(len(nodes), len(nodes))
    )
    return scipy.sparse.csgraph.shortest_path(tree.tocsr(), method="D", directed=False)


def _check_growth(num_neurons: int, radius: float, num_branches: int, step: float) -> None:
    """Raises a `ValueError` if an argument of `grow_astrocyte` is out of range."""
    if not 1 <= num_neurons <= LARGEST_DENSE:
        raise argument_error("num_neurons", f"lie from 1 to {LARGEST_DENSE}", num_neurons)
    if num_branches < 1:
        raise argument_error("num_branches", "be at least 1", num_branches)
    for name, length in {"territory_radius": radius, "step": step}.items():
        if not 0 < length < float("inf"):
            raise argument_error(name, "be a length above 0 micrometres", length)
