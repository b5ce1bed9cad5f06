"""The energy falls during recall.

Six recalls of a certified neuron-astrocyte network, from cues with 5 to 30 % of their bits flipped
(Kozachkov, Slotine & Krotov, arXiv 2311.08135, eqs 5-10).

Six lines of energy against time. Those of more damaged cues start higher and fall later; all end at
the same level.
"""

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

import nam_jax as nam

patterns = nam.data.random_patterns(6, 64, key=jax.random.key(0))
network = nam.network.NeuronAstrocyte.certified(patterns)
flips = jnp.arange(1, 7) * 0.05
keys = jax.random.split(jax.random.key(1), 6)
cues = jax.vmap(lambda *cue: nam.data.flip(*cue[:2], key=cue[2]))(patterns, flips, keys)
how, save = nam.solve.Flow(max_time=12.0), {"energy": nam.solve.Energy()}
recall = nam.retrieve_all(network, cues, how=how, save=save, times=61)
energies = recall.observables["energy"]

plt.plot(recall.ts, energies.T / 1000, label=[f"{share:.0%}" for share in flips])
plt.legend(title="flipped bits")
plt.xlabel("time (membrane time constants)")
plt.ylabel("energy E (1000)")
