"""Training a tensor for correlated digits.

24 digits resemble each other, so that the Hebbian tensor recalls few of them. The couplings between
them are trained by gradients through equilibria, and every step keeps the network certified (see
[training](../results/training.md)).

A falling line of loss against steps of training.
"""

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import optax

import nam_jax as nam

images = nam.data.load_images("digits", num_images=24).images.reshape(24, 64)
digits = jnp.where(images >= 0.5, 1.0, -1.0)
start = nam.train.certified_reduction(digits, nam.memory.Hebbian())
held = jax.tree_util.Partial(nam.train.held_samples, fraction=0.1, strength=4 * start.leak)
coarse = nam.solve.Flow(rest=1e-2, rtol=1e-3, atol=1e-4)
fit = nam.train.fit(
    nam.train.parametrise(start),
    nam.train.Minibatches(digits, held, 24),
    loss=nam.train.VoltageMargin(2.0),
    optimizer=optax.adam(0.03),
    trainable=lambda network: [network.excess.couplings.root],
    gradient=nam.train.ImplicitRoute(how=coarse),
    num_steps=60,
    key=jax.random.key(1),
)
plt.plot(fit.metrics.loss)
plt.xlabel("steps of Adam (1)")
plt.ylabel("loss (1)")
