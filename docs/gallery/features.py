"""Random features estimate the weights of softmax attention.

The overlap of the features of a query and a key is exp(q . k / sqrt(D)) on average over draws, with
an error that falls as 1 / sqrt(F) (Choromanski et al., arXiv 2009.14794).

Two panels of points around the diagonal, estimate against exact weight. With 16 features points
scatter widely, with 1024 they lie near the diagonal.
"""

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

import nam_jax as nam

queries, keys = 0.7 * jax.random.normal(jax.random.key(0), (2, 12, 8))
exact = jnp.exp(queries @ keys.T / 8**0.5)
figure, panels = plt.subplots(1, 2, figsize=(3.4, 1.9), sharex=True, sharey=True)
for axes, size in zip(panels, (16, 1024)):
    features = jax.vmap(nam.attention.RandomFeatures(8, size, key=jax.random.key(1)))
    estimate = features(queries) @ features(keys).T
    axes.plot(exact.ravel(), estimate.ravel(), ".", markersize=2)
    axes.plot([0.2, 4], [0.2, 4], color="0.5", linewidth=0.8)
    axes.loglog()
    axes.minorticks_off()
    axes.set_xticks((0.3, 1, 3), ("0.3", "1", "3"))
    axes.set(title=f"F = {size}", xlabel="exact weight (1)")
panels[0].set_ylabel("estimate (1)")
