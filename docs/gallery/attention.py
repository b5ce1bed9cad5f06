"""Attention as recall from the tokens so far.

Weights of earlier tokens in the answer to each query, by softmax attention, by linear attention
(a Hebbian memory), and by an astrocyte whose synapses leak (Kozachkov, Kastanenka & Krotov, PNAS
2023).

Three lower triangles of 24 by 24 weights. The first has single dark cells, the second is smooth,
the third is dark near the diagonal.
"""

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

from nam_jax.attention import AstrocyteAttention, DenseAttention, HebbianAttention, RandomFeatures

keys = jax.random.split(jax.random.key(0), 3)
queries, stored = jax.random.normal(keys[0], (2, 24, 8))
features = RandomFeatures(8, 256, orthogonal=True, key=keys[1])
kinds = {
    "softmax": DenseAttention.softmax(8),
    "Hebbian": HebbianAttention(features),
    "astrocyte": AstrocyteAttention(features, leak=0.3),
}
figure, panels = plt.subplots(1, 3, figsize=(3.4, 2.2), sharey=True)
for axes, (name, attend) in zip(panels, kinds.items()):
    weights = attend(queries, stored, jnp.eye(24))
    image = axes.imshow(weights, cmap="gray_r", vmin=0, vmax=0.5)
    axes.set(title=name, xlabel="token (1)")
panels[0].set_ylabel("query (1)")
figure.colorbar(image, ax=panels, location="bottom", label="weight (1)")
