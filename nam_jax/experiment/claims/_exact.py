"""Claims that hold or fail exactly: descent, the saddle, the dense memory, and forms of T."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array

from nam_jax import network
from nam_jax._types import Patterns
from nam_jax.experiment.claims._finding import Finding
from nam_jax.experiment.claims._registry import claim
from nam_jax.experiment.claims._sources import ASTROCYTE, OURS, PROSPECTUS
from nam_jax.experiment.common import patterns_of, random_problem, reduced
from nam_jax.memory import DistinctTensor, PatternTensor, Power, Projection
from nam_jax.network import EffectiveNeuronAstrocyte, NeuronAstrocyte, TripartiteState


@claim(
    "descent",
    "A flip lowers the energy of a dense memory, and a tie, which is kept, would not change it",
    f"{PROSPECTUS}, Theorem 2.3.1",
)
def energy_never_rises(fast: bool) -> Finding:
    """Changes of E along a sweep from random states, n = 2, 3, 4, N = 64, K = 20, exactly."""
    size = 64
    xi = patterns_of(20, size, key=jr.key(11))
    starts = patterns_of(20 if fast else 400, size, key=jr.key(12))
    order = np.random.default_rng(0).permutation(size)
    of_flips, of_ties = [], []
    for n in (2, 3, 4):
        paths, fields = (np.asarray(e) for e in _sweep(_dense(xi, n), starts, jnp.asarray(order)))
        before, after = (_energies(xi, states, n) for states in (paths[:, :-1], paths[:, 1:]))
        of_flips.append((after - before)[(paths[:, 1:] != paths[:, :-1]).any(-1)])
        other = paths[:, :-1].copy()
        other[:, np.arange(size), order] *= -1
        of_ties.append((_energies(xi, other, n) - before)[fields == 0])
    highest = max(float(changes.max()) for changes in of_flips)
    ties = np.concatenate(of_ties)
    meaning = (
        f"largest change of n E by one of {sum(map(len, of_flips))} flips; {len(ties)} neurons met "
        f"no field, and would change it by {np.abs(ties).max(initial=0)}"
    )
    fine = {"one by one": highest < 0 and len(ties) > 0 and not ties.any()}
    return Finding(highest, highest, highest, meaning, fine)


def _dense(xi: Patterns, n: int) -> network.DenseAssociativeMemory:
    return network.DenseAssociativeMemory(xi, Power(n))


def _energies(xi: Patterns, states: np.ndarray, n: int) -> np.ndarray:
    """n E of a dense memory for each state, as exact whole numbers."""
    return -((states.astype(np.int64) @ np.asarray(xi, np.int64).T) ** n).sum(-1)


@eqx.filter_jit
def _sweep(
    memory: network.DenseAssociativeMemory, starts: Patterns, order: Array
) -> tuple[Array, Array]:
    """Updates all neurons one by one in `order`, from S starts.

    Returns the states before the first and after each update, (S, N + 1, N), and the field of each
    neuron at its update, (S, N).
    """

    def of(start: Array) -> tuple[Array, Array]:
        def update(both: Any, i: Array) -> tuple[Any, tuple[Array, Array]]:
            state, carry = both
            field = memory.field_of(carry, state, i)
            change = jnp.where(field == 0, 0, jnp.sign(field) - state[i])
            carry = memory.flipped(carry, state, i, change)
            state = state.at[i].add(change)
            return (state, carry), (state, field)

        _, (states, fields) = jax.lax.scan(update, (start, memory.carry(start)), order)
        return jnp.concatenate([start[None], states]), fields

    return jax.vmap(of)(starts)


@claim(
    "saddle",
    "Without leaks the algebraic equilibrium of (s, p) is stable (implied by eliminating them)",
    f"{ASTROCYTE}, section 3",
)
def saddle(fast: bool) -> Finding:
    """Eigenvalues of (s, p) at the algebraic equilibrium without leaks, N = 6, dense Jacobian."""
    del fast
    patterns = patterns_of(2, 6, key=jr.key(0))
    full = NeuronAstrocyte(
        PatternTensor(patterns, strength=0.5, autapses=True),
        leaks=(1.0, 0.0, 0.0), start=network.Algebraic(),
    )  # fmt: skip
    state = full.initial_state(patterns[0])

    def flat_flow(parts: tuple[Array, Array]) -> Array:
        s, p = (part.reshape(6, 6) for part in parts)
        flow = full.vector_field(0.0, TripartiteState(state.neurons, s, p))
        return jnp.concatenate([flow.synapses.ravel(), flow.processes.ravel()])

    jacobian = jax.jit(jax.jacfwd(flat_flow))((state.synapses.ravel(), state.processes.ravel()))
    growth = float(np.linalg.eigvals(np.concatenate(jacobian, axis=1)).real.max())
    meaning = "largest real part of an eigenvalue of the (s, p) Jacobian, tau = 1"
    return Finding(growth, growth, growth, meaning, {"alpha = gamma = 0": growth < 0})


@claim(
    "dense-exact",
    "Some certified network equals the continuous dense memory plus self-support exactly",
    f"{OURS}; eqs 14-15 of the paper without alpha = gamma = 0",
)
def dense_is_exact(fast: bool) -> Finding:
    """Force on the neurons of a certified network against eqs 14-15 plus M0 |phi|^2 phi, N = 64."""
    problem = random_problem(20, 64, 0.15, 10 if fast else 100, key=jr.key(9))
    dense = EffectiveNeuronAstrocyte.dense(problem.patterns, memory_gain=10.0, autapses=True)
    full = dense.to_full()
    effective = reduced(full)
    strength = 10.0 * dense.background / 64**2
    other = network.ContinuousDenseMemory(problem.patterns, strength=strength, leak=dense.leak)

    def gap(x: Array) -> Array:
        phi = jnp.tanh(x)
        expected = other.force(x) + dense.background * jnp.vdot(phi, phi) * phi
        return jnp.max(jnp.abs(effective.force(x) - expected)) / jnp.max(jnp.abs(expected))

    worst = float(eqx.filter_jit(jax.vmap(gap))(dense.voltage * problem.cues).max())
    margin = float(full.margin())
    meaning = f"largest relative difference of force; certificate of the network {margin:.3g}"
    fine = {"T = s Y (1 + Y)^-1, Y Hebbian": margin > 0 and worst < 1e-4}
    return Finding(worst, worst, worst, meaning, fine)


@claim(
    "spectrum",
    "With the projection rule the eigenvalues of T are exactly 0 and t",
    OURS,
)
def spectrum(fast: bool) -> Finding:
    """The projection tensor's eigenvalues from its dense form."""
    del fast
    tensor = PatternTensor(patterns_of(5, 8, key=jr.key(7)), Projection(), strength=0.7)
    values = np.linalg.eigvalsh(np.asarray(tensor.to_dense()).reshape(64, 64))
    gap = float(np.abs(np.sort(values) - np.array([0.0] * 59 + [0.7] * 5)).max())
    meaning = "largest distance of a dense eigenvalue from 0 or t (N = 8, K = 5)"
    return Finding(gap, gap, gap, meaning, {"projection rule": gap < 1e-5})


@claim(
    "distinct",
    "The distinct-index flux is Xi^T diag(q) Xi - 2 (R^T Xi + Xi^T R) + 2 K psi",
    OURS,
)
def distinct_product(fast: bool) -> Finding:
    """The three-product form of the distinct-index tensor against its definition."""
    del fast
    xi = patterns_of(5, 8, key=jr.key(8))
    dense = np.einsum("mi,mj,mk,ml->ijkl", xi, xi, xi, xi) / (8 * 7)
    for axes in ("iijk", "ijik", "ijki", "jiik", "jiki", "jkii"):
        view = np.einsum(f"{axes}->ijk", dense)
        view[...] = 0
    gap = float(np.abs(DistinctTensor(xi).to_dense() - dense).max())
    least = float(np.linalg.eigvalsh(dense.reshape(64, 64)).min())
    meaning = f"largest difference from the dense tensor, whose least eigenvalue is {least:.2f}"
    return Finding(gap, gap, gap, meaning, {"patterns of -1 and +1": gap < 1e-5})
