"""A gradient through an equilibrium.

The derivative of a loss of the network at rest by its margin comes from one linear equation.
Differences of two losses come near it for steps that are neither too large nor too small.

Error of finite differences against their step on logarithmic axes, a V with its lowest point at
about 0.01.
"""

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

import nam_jax as nam

patterns = nam.data.random_patterns(5, 32, key=jax.random.key(0))


@jax.jit
def loss(margin):
    network = nam.network.NeuronAstrocyte.certified(patterns, margin=margin, gain=0.5)
    how = nam.solve.Flow(rest=1e-5, rtol=1e-6, atol=1e-7)
    state = nam.settle(network, network.initial_state(patterns[0]), how=how).state
    return jnp.mean((network.readout(state) - patterns[0]) ** 2)


exact = jax.jit(jax.grad(loss))(1.0)
steps = jnp.logspace(-4, -0.5, 15)
differences = jnp.stack([(loss(1 + h) - loss(1 - h)) / (2 * h) for h in steps])
errors = jnp.abs(differences / exact - 1)
plt.loglog(steps, errors, marker="o")
plt.xlabel("step of the margin (1)")
plt.ylabel("relative difference (1)")
print(f"derivative {exact:.3e}, nearest difference {differences[errors.argmin()]:.3e}")
