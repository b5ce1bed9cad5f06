"""Recall by a memory with a log-sum-exp energy that stores samples of a circle or a sphere."""

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
    """The outputs of two memories of disjoint samples for equal cues.

    Attributes:
        states: Outputs of the first memory, (sets, queries, N).
        weight: The largest attention weight of that output on one stored sample.
        gap: Distance between the outputs of both memories, in units of the noise 1 / sqrt(beta).
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
    """The states after `steps` passes of the memory.

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
    """Returns the outputs of two memories for cues that are new points of the manifold with noise.

    Args:
        num_samples: Number of samples K in each memory.
        dimension: 1 for the circle, 2 for the sphere.
        beta: Inverse temperature; the standard deviation of the noise is 1 / sqrt(beta).
        steps: Passes of a recall.
        num_sets: Independent sets of samples and cues.
        num_queries: Cues of each set.
        key: Random key.
    """
    # Drawn by NumPy, so that another number of samples needs no new compiled program.
    random = np.random.default_rng(np.asarray(jr.key_data(key)).tolist())
    samples = on_sphere(num_sets, 2 * num_samples, dimension, random)
    cues = on_sphere(num_sets, num_queries, dimension, random)
    cues = cues + random.normal(size=cues.shape) / np.sqrt(beta)
    returned = _outputs(
        jnp.asarray(samples, float), jnp.asarray(cues, float), jnp.asarray(beta), steps
    )
    return Outputs(*(np.asarray(values) for values in returned))


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
        first, second = (ModernHopfield(part, beta) for part in (samples[:half], samples[half:]))
        ends, other = (recall_steps(memory, cues, steps) for memory in (first, second))
        weights = jax.vmap(lambda x: jnp.max(first.separation.slope(first.patterns @ x)))(ends)
        return ends, weights, jnp.linalg.norm(ends - other, axis=1) * jnp.sqrt(beta)

    return jax.lax.map(of_set, (samples, cues))


class Phases(NamedTuple):
    """Shares of cues that were memorised, spurious and generalised, for each set; see `phases`."""

    memorised: Float[np.ndarray, " sets"]
    spurious: Float[np.ndarray, " sets"]
    generalised: Float[np.ndarray, " sets"]


def phases(returned: Outputs, beta: float, *, weight: float, distance: float) -> Phases:
    """The shares of cues in three phases.

    A cue is memorised if one stored sample has more than `weight` of the attention. Otherwise it is
    spurious if the output of another cue of its set is nearer than `distance` / sqrt(beta).
    Otherwise it is generalised: its output is a point of its own.

    Args:
        returned: The outputs.
        beta: Inverse temperature.
        weight: Attention weight.
        distance: Distance, in units of the noise 1 / sqrt(beta).
    """
    memorised = returned.weight > weight
    near = np.stack([_nearest(states) for states in returned.states]) * np.sqrt(beta) < distance
    shares = (memorised, near & ~memorised, ~near & ~memorised)
    return Phases(*(share.mean(axis=1) for share in shares))


def _nearest(states: Float[np.ndarray, "queries N"]) -> Float[np.ndarray, " queries"]:
    """Distance of each state to the nearest other one."""
    distances, _ = scipy.spatial.cKDTree(states).query(states, k=2)
    return distances[:, 1]


def attractors(
    num_samples: int, dimension: int, beta: float, num_starts: int, num_sets: int, *, key: Key
) -> Float[np.ndarray, " sets"]:
    """The number of states at which recall comes to rest, for each set of samples.

    Args:
        num_samples: Number of samples K in the memory.
        dimension: 1 for the circle, 2 for the sphere.
        beta: Inverse temperature.
        num_starts: Random points of the manifold that recalls start from.
        num_sets: Independent sets of samples and starts.
        key: Random key.
    """
    random = np.random.default_rng(np.asarray(jr.key_data(key)).tolist())
    samples = on_sphere(num_sets, num_samples, dimension, random)
    starts = on_sphere(num_sets, num_starts, dimension, random)
    ends = np.asarray(
        _rest(jnp.asarray(samples, float), jnp.asarray(starts, float), jnp.asarray(beta))
    )
    return np.asarray([_clusters(states, 0.2 / np.sqrt(beta)) for states in ends], float)


_AT_ONCE = 20
"""Passes between two tests for rest."""
_MOST_PASSES = 6000


@eqx.filter_jit
def _rest(
    samples: Float[Array, "sets samples N"], starts: Float[Array, "sets starts N"], beta: Scalar
) -> Float[Array, "sets starts N"]:
    """The states after recall to rest.

    Recall ends when twenty passes move no entry by more than 1e-4 of the noise, or after 6000
    passes.
    """

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
    """The number of groups of states; states nearer than `distance` are in one group.

    On a line, states at 0, 0.1, 0.2 and 1 form 2 groups for a distance of 0.15: 0 and 0.2 are in
    one group through 0.1.
    """
    tree = scipy.spatial.cKDTree(states)
    near = tree.sparse_distance_matrix(tree, distance)
    return int(scipy.sparse.csgraph.connected_components(near)[0])
