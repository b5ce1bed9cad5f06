"""Triples of neurons hold more than pairs, at equal numbers of connections.

Networks of 40 neurons store patterns in all 780 pairs, or in 780 random triples (Burns & Fukai,
arXiv 2305.05179; see [sets of neurons](../results/setwise.md)).

Two falling lines of overlap after recall against the number of patterns. That of pairs falls first.
"""

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import nam_jax as nam
from nam_jax.interaction import Setwise
from nam_jax.network import EnergyNetwork, Layer

random = np.random.default_rng(0)
pairs = np.stack(np.triu_indices(40, 1), axis=1)
triples = np.stack([random.permutation(40)[:3] for _ in pairs])
layers = {"x": Layer(nam.lagrangian.LogCosh(5.0), shape=40)}
keys, counts = jax.random.split(jax.random.key(0), 32), (1, 2, 4, 6, 8, 12, 16)
for name, sets in {"780 pairs": pairs, "780 triples": triples}.items():
    overlaps = []
    for count in counts:
        patterns = nam.data.random_patterns(count, 40, key=jax.random.key(count))
        stored = Setwise.from_patterns("x", [sets], patterns)
        targets = patterns[jnp.arange(32) % count]
        cues = jax.vmap(lambda target, key: nam.data.flip(target, 0.1, key=key))(targets, keys)
        recall = nam.retrieve_all(EnergyNetwork(layers, [stored], visible="x"), cues)
        overlaps.append((jnp.sign(recall.pattern) * targets).mean())
    plt.plot(counts, overlaps, marker="o", label=name)
plt.legend()
plt.xlabel("stored patterns K (1)")
plt.ylabel("overlap after recall (1)")
