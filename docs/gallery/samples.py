"""From stored samples to a manifold.

A modern Hopfield network stores K samples of a circle. A few samples are attractors themselves. Of
many samples the attractors are few and lie on the circle: sqrt(3 beta / 2) of them by theory
(see [generalising](../results/generalise.md)).

Three circles of dots. Squares, where recalls end, are on most dots of the first; in the third they
are about eight on a circle of hundreds of dots.
"""

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

import nam_jax as nam

beta = 50.0
figure, panels = plt.subplots(1, 3, figsize=(3.4, 1.35))
for axes, count in zip(panels, (8, 64, 512)):
    angles = jax.random.uniform(jax.random.key(0), (count,), maxval=2 * jnp.pi)
    samples = jnp.stack([jnp.cos(angles), jnp.sin(angles)], axis=1)
    network = nam.network.ModernHopfield(samples, beta, passes=3000)
    ends = nam.retrieve_all(network, samples).pattern
    axes.plot(*samples.T, "o", color="0.75", markersize=2.5)
    axes.plot(*ends.T, "s", color="C1", markerfacecolor="none", markersize=5)
    axes.set(title=f"K = {count}", aspect="equal", xlim=(-1.2, 1.2), ylim=(-1.2, 1.2))
    axes.axis("off")
print(f"attractors of many samples by theory: {nam.theory.circle_attractors(beta):.1f}")
