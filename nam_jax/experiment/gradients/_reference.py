"""References for gradient routes: finite differences in float64 at an accurate equilibrium.

A worked case: a loss L(p) = x(p)^2 at the equilibrium x(p) = 2 p, at p = 1, along the direction 1
with step h = 1e-3. The equilibria at p = 1.001 and 0.999 are found anew by Newton's method, so that
(L(1.001) - L(0.999)) / (2 h) = 8. The same difference with twice the step also gives 8 here; in
general the gap of the two is the error of the reference. A route's gradient, projected on the
direction, must give 8 too.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float

from nam_jax import solve, train
from nam_jax._misc import symmetrise
from nam_jax._types import Key, Pattern, Patterns, Scalar
from nam_jax.network import EffectiveNeuronAstrocyte, NeuronAstrocyte

COST = train.SquaredError()
LARGEST_STEP = 1e-5
"""Largest relative step of a finite difference; steps are smaller near a critical point."""
NEWTON_STEPS = 6
FINE = solve.Flow(rest=1e-8, rtol=1e-9, atol=1e-11)


class Reference(NamedTuple):
    """Derivatives of the loss along M directions, as NumPy float64.

    Attributes:
        directions: Changes of `parts`, with a leading axis M; of the size of the part changed.
        slopes: (M,), the derivatives.
        error: Relative distance of the derivatives with twice the step.
        least_curvature: Smallest curvature of the energy that the adjoint equation's solver met.
        slope: Mean slope of the neurons' activations over the largest slope: 0 if saturated.
    """

    directions: Any
    slopes: Float[np.ndarray, " M"]
    error: float
    least_curvature: float
    slope: float


def parts(network: Any) -> list[Any]:
    """The parameters of the gradient: patterns, couplings, strength, gains and leaks."""
    tensor = network.tensor
    return [
        tensor.patterns,
        tensor.couplings,
        tensor.strength,
        network.neural.beta,
        network.synaptic.gain,
        network.process.gain,
        *network.leaks,
    ]


def directions(network: NeuronAstrocyte, num: int, *, key: Key) -> Any:
    """Random directions in the space of `parts`, stacked along a leading axis.

    A direction changes one part only: `num` directions for every array, one for every number.
    """
    leaves, structure = jax.tree.flatten(parts(network))
    counts = [num if leaf.ndim else 1 for leaf in leaves]
    total, done, made = sum(counts), 0, []
    for leaf, count, own in zip(leaves, counts, jr.split(key, len(leaves)), strict=True):
        size = jnp.sqrt(jnp.mean(leaf**2))
        drawn = size * jr.normal(own, (count, *leaf.shape), leaf.dtype)
        if leaf.ndim == 0:
            drawn = jnp.broadcast_to(leaf, (1,))
        elif leaf.ndim == 2 and leaf.shape[0] == leaf.shape[1]:
            drawn = jax.vmap(symmetrise)(drawn)
        padded = jnp.zeros((total, *leaf.shape), leaf.dtype)
        made.append(padded.at[done : done + count].set(drawn))
        done += count
    return jax.tree.unflatten(structure, made)


@eqx.filter_jit
def critical_leak(patterns: Patterns, margin: Scalar) -> Scalar:
    """The neural leak, in units of beta M0 N, at which the first pattern vanishes with a saddle.

    Above this leak the network falls silent even from the pattern itself. Found by bisection.
    """

    def survives(gain: Scalar) -> Array:
        full = NeuronAstrocyte.certified(patterns, margin=margin, gain=gain)
        network = EffectiveNeuronAstrocyte.from_full(full)
        settled = solve.settle(network, network.initial_state(patterns[0]), how=FINE)
        return jnp.mean(jnp.abs(network.readout(settled.state))) > 0.05

    def halve(_: Any, ends: tuple[Scalar, Scalar]) -> tuple[Scalar, Scalar]:
        low, high = ends
        middle = (low + high) / 2
        alive = survives(middle)
        return jnp.where(alive, middle, low), jnp.where(alive, high, middle)

    ends = (jnp.asarray(0.05, patterns.dtype), jnp.asarray(8.0, patterns.dtype))
    return jax.lax.fori_loop(0, 40, halve, ends)[0]


@eqx.filter_jit
def _slopes(
    network: NeuronAstrocyte, sample: train.Sample, start: Pattern, changes: Any, step: Scalar
) -> tuple[Float[Array, " M"], Float[Array, " M"]]:
    """Central differences along `changes`, with the step and with twice the step."""

    def loss(change: Any, size: Scalar) -> Scalar:
        moved = jax.tree.map(lambda leaf, part: leaf + size * part, parts(network), change)
        full = eqx.tree_at(parts, network, moved)
        effective = EffectiveNeuronAstrocyte.from_full(full)

        def improve(x: Pattern, _: Any) -> tuple[Pattern, None]:
            slope = jax.jacfwd(lambda x: effective.vector_field(0.0, x))(x)
            return x - jnp.linalg.solve(slope, effective.vector_field(0.0, x)), None

        x, _ = jax.lax.scan(improve, start, length=NEWTON_STEPS)
        return COST(effective.readout(x), sample)

    def losses(change: Any) -> Float[Array, "4"]:
        shifts = step * jnp.array([1.0, -1.0, 2.0, -2.0], start.dtype)
        return jax.lax.map(lambda size: loss(change, size), shifts)

    # One after another, because batches of linear solves that run at once can wait for each other
    # forever on a CPU of two cores.
    ahead, behind, far_ahead, far_behind = jax.lax.map(losses, changes).T
    return (ahead - behind) / (2 * step), (far_ahead - far_behind) / (4 * step)


@eqx.filter_jit
def _at_rest(network: NeuronAstrocyte, sample: train.Sample) -> tuple[Pattern, Scalar, Scalar]:
    effective = EffectiveNeuronAstrocyte.from_full(network)
    state = solve.settle(effective, effective.initial_state(sample.cue), how=FINE).state
    phi = effective.readout(state)
    lifted = effective.lift(state)
    cotangent = jax.grad(lambda lifted: COST(network.readout(lifted), sample))(lifted)
    adjoint = solve.adjoint(network, lifted, cotangent)
    return state, adjoint.least_curvature, jnp.mean(1 - phi**2)


def reference(
    network: NeuronAstrocyte,
    sample: train.Sample,
    distance: float,
    num_directions: int,
    *,
    key: Key,
) -> Reference:
    """Returns finite differences of the loss, computed with the effective network.

    Its equilibria are those of the three layers. The routes under test are not used: equilibria are
    found by Newton's method with a dense Jacobian. Call it with 64-bit floats enabled.

    Args:
        network: The network.
        sample: The cue and the target of its recall.
        distance: Relative distance from the critical leak; steps are at most a thousandth of it.
        num_directions: Number of random directions for each array of `parts`.
        key: Random key.
    """
    step = jnp.asarray(min(LARGEST_STEP, 1e-3 * distance))
    changes = directions(network, num_directions, key=key)
    state, curvature, slope = _at_rest(network, sample)
    fine, coarse = (np.asarray(slopes) for slopes in _slopes(network, sample, state, changes, step))
    error = np.linalg.norm(fine - coarse) / np.linalg.norm(fine)
    changes = jax.tree.map(np.asarray, changes)
    return Reference(changes, fine, float(error), float(curvature), float(slope))


class Judgement(NamedTuple):
    """The distance of a gradient from the reference.

    Attributes:
        miss: 1 - cosine.
        norm_ratio: Norm of the gradient over that of the reference.
        error: Norm of the difference over the norm of the reference.
    """

    miss: float
    norm_ratio: float
    error: float


def judge(gradient: NeuronAstrocyte, truth: Reference) -> Judgement:
    """Compares a gradient with the reference, along the directions of the reference."""
    pairs = zip(jax.tree.leaves(parts(gradient)), jax.tree.leaves(truth.directions), strict=True)
    slopes = sum(np.tensordot(d, np.asarray(g, np.float64), axes=np.ndim(g)) for g, d in pairs)
    size, other = np.linalg.norm(slopes), np.linalg.norm(truth.slopes)
    # By a difference of unit vectors, because 1 - cosine of two close vectors is rounding error.
    miss = np.sum((slopes / size - truth.slopes / other) ** 2) / 2
    error = np.linalg.norm(slopes - truth.slopes) / other
    return Judgement(float(miss), float(size / other), float(error))
