"""What a memory with a log-sum-exp energy makes of cues, full of samples of a manifold."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import scipy
from jaxtyping import Array, Float

from nam_jax._types import Key, Scalar
from nam_jax.network import ModernHopfield

Points = Float[Array, "points N"]
States = Float[Array, "queries N"]


class Outputs(NamedTuple):
    """What two memories of disjoint samples return for the same cues.

    Attributes:
        states: Of the first memory, (sets, queries, N).
        weight: Its largest attention weight on one stored sample.
        gap: Distance between the outputs of both, in units of the noise 1 / sqrt(beta).
    """

    states: Float[np.ndarray, "sets queries N"]
    weight: Float[np.ndarray, "sets queries"]
    gap: Float[np.ndarray, "sets queries"]


def on_sphere(
    num_sets: int, number: int, dimension: int, random: np.random.Generator
) -> Float[np.ndarray, "sets points N"]:
    """Independent uniform points of the unit circle (dimension 1) or sphere (2), in R^(d + 1)."""
    points = random.normal(size=(num_sets, number, dimension + 1))
    return points / np.linalg.norm(points, axis=2, keepdims=True)


def recall_steps(network: ModernHopfield, states: States, steps: int) -> States:
    """`steps` passes of the memory from each state.

    A pass is the mean shift of exp(-beta |x - y|^2 / 2), because all stored |y| are 1.
    """
    return jax.lax.fori_loop(0, steps, lambda _, x: jax.vmap(network.respond)(x), states)


def outputs(
    num_samples: int,
    dimension: int,
    beta: float,
    steps: int,
    num_sets: int,
    num_queries: int,
    *,
    key: Key,
) -> Outputs:
    """Two memories of `num_samples` each and fresh cues: points of the manifold with noise."""
    # Drawn on the host, where another number of samples needs no new program.
    random = np.random.default_rng(np.asarray(jr.key_data(key)).tolist())
    samples = on_sphere(num_sets, 2 * num_samples, dimension, random)
    cues = on_sphere(num_sets, num_queries, dimension, random)
    cues = cues + random.normal(size=cues.shape) / np.sqrt(beta)
    found = _outputs(
        jnp.asarray(samples, float), jnp.asarray(cues, float), jnp.asarray(beta), steps
    )
    return Outputs(*(np.asarray(each) for each in found))


@eqx.filter_jit
def _outputs(
    samples: Float[Array, "sets samples N"],
    cues: Float[Array, "sets queries N"],
    beta: Scalar,
    steps: int,
) -> tuple[Array, Array, Array]:
    half = samples.shape[1] // 2

    def of_set(given: tuple[Points, States]) -> tuple[States, Array, Array]:
        samples, cues = given
        first, second = (ModernHopfield(each, beta) for each in (samples[:half], samples[half:]))
        found, other = (recall_steps(each, cues, steps) for each in (first, second))
        weights = jax.vmap(lambda x: jnp.max(first.separation.slope(first.patterns @ x)))(found)
        return found, weights, jnp.linalg.norm(found - other, axis=1) * jnp.sqrt(beta)

    return jax.lax.map(of_set, (samples, cues))


class Phases(NamedTuple):
    """Shares of cues, for each set: (sets,)."""

    memorised: Float[np.ndarray, " sets"]
    spurious: Float[np.ndarray, " sets"]
    generalised: Float[np.ndarray, " sets"]


def phases(found: Outputs, beta: float, *, weight: float, distance: float) -> Phases:
    """What each cue became.

    Memorised: one stored sample has more than `weight` of the attention. Otherwise spurious:
    another cue of the set ended nearer than `distance` / sqrt(beta). Otherwise generalised: it
    stayed a point of its own.
    """
    memorised = found.weight > weight
    near = np.stack([_nearest(each) for each in found.states]) * np.sqrt(beta) < distance
    shares = (memorised, near & ~memorised, ~near & ~memorised)
    return Phases(*(each.mean(axis=1) for each in shares))


def _nearest(states: Float[np.ndarray, "queries N"]) -> Float[np.ndarray, " queries"]:
    """Distance of each state to the nearest other one."""
    distances, _ = scipy.spatial.cKDTree(states).query(states, k=2)
    return distances[:, 1]


def attractors(
    num_samples: int, dimension: int, beta: float, num_starts: int, num_sets: int, *, key: Key
) -> Float[np.ndarray, " sets"]:
    """In how many states recall comes to rest, from many starts, for each set of samples."""
    random = np.random.default_rng(np.asarray(jr.key_data(key)).tolist())
    samples = on_sphere(num_sets, num_samples, dimension, random)
    starts = on_sphere(num_sets, num_starts, dimension, random)
    found = np.asarray(
        _rest(jnp.asarray(samples, float), jnp.asarray(starts, float), jnp.asarray(beta))
    )
    return np.asarray([_clusters(each, 0.2 / np.sqrt(beta)) for each in found], float)


_AT_ONCE = 20
_MOST_PASSES = 6000


@eqx.filter_jit
def _rest(
    samples: Float[Array, "sets samples N"], starts: Float[Array, "sets starts N"], beta: Scalar
) -> Float[Array, "sets starts N"]:
    """Where recall ends: until twenty passes move no state by 1e-4 of the noise."""

    def of_set(given: tuple[Points, States]) -> States:
        network = ModernHopfield(given[0], beta)

        def moves(carry: tuple[States, Scalar, Array]) -> Array:
            return (carry[1] > 1e-4 / jnp.sqrt(beta)) & (carry[2] < _MOST_PASSES // _AT_ONCE)

        def advance(carry: tuple[States, Scalar, Array]) -> tuple[States, Scalar, Array]:
            states = recall_steps(network, carry[0], _AT_ONCE)
            return states, jnp.max(jnp.abs(states - carry[0])), carry[2] + 1

        start = (given[1], jnp.ones_like(beta), jnp.asarray(0))
        return jax.lax.while_loop(moves, advance, start)[0]

    return jax.lax.map(of_set, (samples, starts))


def _clusters(states: Float[np.ndarray, "starts N"], distance: float) -> int:
    """Connected groups of states, neighbours being nearer than `distance`."""
    tree = scipy.spatial.cKDTree(states)
    near = tree.sparse_distance_matrix(tree, distance)
    return int(scipy.sparse.csgraph.connected_components(near)[0])
