"""A part of a set is not completed.

The cue of a dendritic memory holds all features of two neurons and a share of those of a third. The
third fires only if enough of its features are shown (Kafraj, Krotov, Bicknell & Latham; see
[sets](../results/dendritic.md)).

Mean rates at 200 ms against the share of features shown. The line of the two is nearly level, that
of the third jumps from rest to 40 Hz at a share of 0.35.
"""

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

import nam_jax as nam

network = nam.network.DendriticMemory.random(
    200, 2000, 100, num_inhibitory=(100, 200), key=jax.random.key(0)
)
pair, three = (network.features_of(jnp.arange(200) < count) for count in (2, 3))
shares = jnp.linspace(0, 1, 21)
shown = jax.random.uniform(jax.random.key(1), (2000,)) < shares[:, None]
cues = jnp.where(shown, three, pair)
solver = nam.solve.ExponentialEuler(network)
rates = nam.retrieve_all(
    network, cues, how=nam.solve.Flow(solver=solver, step=2.0, max_time=200.0)
).pattern
plt.plot(shares, rates[:, :2].mean(axis=1), marker="o", label="two neurons shown")
plt.plot(shares, rates[:, 2], marker="o", label="third neuron")
plt.legend()
plt.xlabel("share of features of the third neuron shown (1)")
plt.ylabel("rate after 200 ms (Hz)")
