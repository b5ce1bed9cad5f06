"""A network falls silent when it does not know the cue.

With a leak just below the self-support of a state, only stored patterns keep a certified network
active: leak gating (see [regimes](../concepts/regimes.md)).

Two histograms of activity at rest. All unknown cues end at 0 or below 0.5, all known cues at 1.
"""

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

import nam_jax as nam

patterns, unknown = nam.data.random_patterns(40, 100, key=jax.random.key(0)).reshape(2, 20, 100)
keys = jax.random.split(jax.random.key(1), 20)
known = jax.vmap(lambda pattern, key: nam.data.flip(pattern, 0.1, key=key))(patterns, keys)
network = nam.network.EffectiveNeuronAstrocyte.from_full(
    nam.network.NeuronAstrocyte.certified(patterns, gain=0.9)
)
recall = nam.retrieve_all(network, jnp.concatenate([known, unknown]))

bins = jnp.linspace(0, 1, 21)
plt.hist(recall.activity[:20], bins, label="stored, 10 % flipped")
plt.hist(recall.activity[20:], bins, label="never stored", alpha=0.8, hatch="////")
plt.legend(loc="center")
plt.xlabel("mean activity at rest (1)")
plt.ylabel("cues (1)")
known, others = recall.known[:20].mean(), recall.known[20:].mean()
print(f"taken for known: {known:.2f} of the stored, {others:.2f} of the others")
