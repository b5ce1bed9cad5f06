"""Hopfield's network forgets everything at one load.

Stored patterns are the starts. The larger the network, the more sharply recall ends near the load
of 0.138 (Amit, Gutfreund & Sompolinsky 1985).

Three falling lines of the share of patterns kept against load K / N, the steepest for the largest
network, and a dashed line at 0.138.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

import nam_jax as nam

loads, how = jnp.linspace(0.1, 0.24, 8), nam.solve.Asynchronous(jax.random.key(0))
for size in (60, 180, 540):
    most, kept = size // 4, []
    sets = nam.data.random_patterns(32 * most, size, key=jax.random.key(1)).reshape(32, most, size)
    for load in loads:
        stored = jnp.arange(most)[:, None] < load * size  # rows of zeros store nothing
        networks = eqx.filter_vmap(nam.network.Hopfield.from_patterns)(sets * stored)
        recall = nam.retrieve_all(networks, sets[:, 0], how=how, stacked=True)
        overlaps = jax.vmap(nam.measure.overlap)(recall.pattern, sets[:, 0])
        kept.append((overlaps >= 0.95).mean())
    plt.plot(loads, kept, marker="o", label=f"N = {size}")
plt.axvline(0.138, linestyle="--", color="0.5")
plt.legend()
plt.xlabel("load K / N (1)")
plt.ylabel("patterns kept (1)")
