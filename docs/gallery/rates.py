"""Two neurons keep firing after their features were shown.

A dendritic memory of 200 memory neurons and 2000 feature neurons with 100 branches each starts
from the noisy features of a set of two. No other neuron leaves its rate at rest (Kafraj, Krotov,
Bicknell & Latham).

Rates of 40 neurons as shades against time. Two rows are bright from 20 ms on, all others dark.
"""

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

import nam_jax as nam

network = nam.network.DendriticMemory.random(
    200, 2000, 100, num_inhibitory=(100, 200), key=jax.random.key(0)
)
members = jnp.isin(jnp.arange(200), jnp.array([8, 27]))
features = network.features_of(members)
cue = nam.data.add_uniform_noise(features, 20.0, key=jax.random.key(1))
how = nam.solve.Flow(solver=nam.solve.ExponentialEuler(network), step=2.0)
save = {"rates": nam.solve.Readout()}
run = nam.simulate(network, network.initial_state(cue), 200.0, how=how, save=save)

rates = run.observables["rates"]
plt.imshow(rates[:, :40].T, aspect="auto", extent=(0, 200, 40, 0))
plt.colorbar(label="rate (Hz)")
plt.xlabel("time (ms)")
plt.ylabel("memory neuron (1)")
print(f"strict recall: {nam.measure.strict_recall(rates[-1], members)}")
