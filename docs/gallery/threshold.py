"""Recall starts at the overlap that theory gives.

A certified network with a weak leak recalls if R m^3 > 1, where m is the overlap of the cue and R
the gain of a memory (`theory.recall_threshold`).

Overlap after recall against overlap of the cue: points on the diagonal up to a dashed line at
about 0.75, and at 1 from there on.
"""

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

import nam_jax as nam

patterns = nam.data.random_patterns(5, 100, key=jax.random.key(0))
network = nam.network.NeuronAstrocyte.certified(patterns, margin=0.2, gain=0.01)
flips = jnp.linspace(0, 0.4, 21)
flip = jax.vmap(nam.data.flip, (None, 0))
cues = jax.vmap(lambda share: nam.data.flip(patterns[0], share, key=jax.random.key(1)))(flips)
recall = nam.retrieve_all(network, cues)

threshold = nam.measure.certificate(network).recall_threshold
plt.plot(cues @ patterns[0] / 100, jnp.sign(recall.pattern) @ patterns[0] / 100, "o")
plt.axvline(threshold, linestyle="--", color="0.5", label="theory, $R m^3 = 1$")
plt.legend(loc="lower right")
plt.xlabel("overlap m of the cue (1)")
plt.ylabel("overlap after recall (1)")
print(f"threshold by theory: {threshold:.2f}")
