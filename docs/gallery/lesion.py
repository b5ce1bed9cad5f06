"""Recall after calcium fluxes are cut.

Each flux between two processes is cut with the probability on the axis (Kozachkov, Slotine &
Krotov, arXiv 2311.08135, predict that hindered diffusion of calcium impairs recall). The certified
network loses its 3 memories in 20 neurons long before the one with released parameters.

Two falling lines of the share of recalled cues.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

import nam_jax as nam

patterns = nam.data.random_patterns(3, 20, key=jax.random.key(0))
cues = jnp.tile(patterns, (4, 1)).at[jnp.arange(12), jnp.arange(12)].multiply(-1)
cuts = jnp.linspace(0, 1, 11)
kinds = nam.network.NeuronAstrocyte
networks = {"certified": kinds.certified(patterns), "released": kinds.released(patterns)}
for name, network in networks.items():
    dense = nam.memory.DenseTensor(network.tensor.to_dense())
    shares = []
    for cut in cuts:
        tensor = nam.memory.lesion(dense, cut, key=jax.random.key(1))
        recall = nam.retrieve_all(eqx.tree_at(lambda n: n.tensor, network, tensor), cues)
        exact = jax.vmap(nam.measure.exact_recall)(recall.pattern, jnp.tile(patterns, (4, 1)))
        shares.append((exact & recall.known).mean())
    plt.plot(cuts, shares, marker="o", label=name)
plt.legend()
plt.xlabel("share of fluxes cut (1)")
plt.ylabel("cues recalled (1)")
