"""Random patterns, cues and states that the benchmarks share; all are float32."""

import jax.numpy as jnp
import jax.random as jr

from nam_jax._types import Patterns
from nam_jax.network import NeuronAstrocyte, TripartiteState


def patterns_and_cues(num_patterns: int, num_neurons: int) -> tuple[Patterns, Patterns]:
    """Returns random patterns of -1 and +1, and cues with 10 % of their signs flipped, (K, N)."""
    of_patterns, of_flips = jr.split(jr.key(0))
    patterns = jr.rademacher(of_patterns, (num_patterns, num_neurons), jnp.float32)
    flipped = jr.bernoulli(of_flips, 0.1, patterns.shape)
    return patterns, jnp.where(flipped, -patterns, patterns)


def released(num_patterns: int, num_neurons: int) -> tuple[NeuronAstrocyte, Patterns, Patterns]:
    """Returns the authors' network with random patterns stored, the patterns and their cues."""
    patterns, cues = patterns_and_cues(num_patterns, num_neurons)
    return NeuronAstrocyte.released(patterns), patterns, cues


def random_state(num_neurons: int, batch: tuple[int, ...] = ()) -> TripartiteState:
    """Returns standard normal states with symmetric synapses and processes.

    Such states are neither small nor saturated.
    """
    of_x, of_s, of_p = jr.split(jr.key(1), 3)
    pairs = (*batch, num_neurons, num_neurons)
    s, p = jr.normal(of_s, pairs, jnp.float32), jr.normal(of_p, pairs, jnp.float32)
    return TripartiteState(
        jr.normal(of_x, pairs[:-1], jnp.float32),
        (s + s.mT) / 2,
        (p + p.mT) / 2,
    )
