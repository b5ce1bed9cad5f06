"""An astrocyte grown in space.

`memory.grow_astrocyte` grows a random tree whose nodes are the processes at the synapses of 24
neurons. `memory.exchange_within` can then cut fluxes by their distance along the branches.

300 points in a disc, joined near the centre, coloured by the distance from one process along
the branches: near points can be far along the branches.
"""

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

import nam_jax as nam

astrocyte = nam.memory.grow_astrocyte(24, key=jax.random.key(0))
x, y, _ = astrocyte.positions[jnp.triu_indices(24)].T
far = jnp.argmax(x)
points = plt.scatter(x, y, c=astrocyte.distances[far], s=9)
plt.plot(x[far], y[far], "s", color="C1", markersize=7, markerfacecolor="none")
plt.colorbar(points, label="distance from the square (µm)")
plt.gca().set(aspect="equal", xlabel="x (µm)", ylabel="y (µm)")
print(f"{len(x)} processes, {astrocyte.share_within(30.0):.2f} of their pairs within 30 µm")
