"""Mixtures of patterns are shallow in memories of high order.

The energy along a path of single flips from a stored pattern to the mixture of three patterns, and
on to the second pattern (dense memories of Krotov & Hopfield, arXiv 1606.01164).

Three lines with deep ends at -1 and a valley in the middle, where the mixture is: deep for n = 2,
shallow for n = 4.
"""

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

import nam_jax as nam

patterns = nam.data.random_patterns(3, 1001, key=jax.random.key(0))
mixture = jnp.sign(patterns.sum(axis=0))
turns = jax.random.uniform(jax.random.key(1), (1001,))
steps = jnp.linspace(0, 1, 51)[:, None]
to_mixture = jnp.where(turns < steps, mixture, patterns[0])
path = jnp.concatenate([to_mixture, jnp.where(turns < steps, patterns[1], mixture)])
for n in (2, 3, 4):
    memory = nam.network.DenseAssociativeMemory(patterns, nam.memory.Power(n))
    energy = jax.vmap(memory.energy)(path)
    plt.plot(jnp.linspace(0, 2, 102), energy / -energy[0], label=f"n = {n}")
plt.legend(loc="upper right")
plt.xticks((0, 1, 2), ("pattern 1", "mixture of three", "pattern 2"))
plt.ylabel("energy E (|E| of a pattern)")
