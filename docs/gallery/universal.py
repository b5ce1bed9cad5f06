"""Similarity matters more than separation.

Share of noisy digits whose answer by a universal Hopfield network is nearest to the right one of
500 stored digits. The noise has the standard deviation 0.3 and leaves pixels within 0 and 1
(Millidge et al., arXiv 2202.04557).

A table of shares. Rows are similarities, columns separations. The row of the dot product and the
column of the identity are near 0; Pearson with softmax or max is best.
"""

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

import nam_jax as nam

digits = nam.data.load_images("digits", num_images=500).images.reshape(500, 64)
noise = 0.3 * jax.random.normal(jax.random.key(0), (100, 64))
cues = jnp.clip(jnp.abs(digits[:100] + noise), 0, 1)
m = nam.memory
similarities = (m.Dot(), m.Cosine(), m.Pearson(), m.Euclidean(), m.Manhattan())
separations = (m.Identity(), m.Polynomial(10), m.Softmax(100.0), m.Max())
for row, sim in enumerate(similarities):
    for column, sep in enumerate(map(m.Normalised, separations)):
        answers = jax.vmap(nam.network.UniversalHopfield(digits, sim, sep).respond)(cues)
        nearest = ((answers[:, None] - digits) ** 2).sum(axis=-1).argmin(axis=1)
        share = (nearest == jnp.arange(100)).mean()
        dark = {"color": "white", "backgroundcolor": "C0"} if share < 0.5 else {}
        plt.text(column, row, f"{share:.2f}", ha="center", va="center", **dark)
plt.yticks(range(5), [type(sim).__name__ for sim in similarities])
plt.xticks(range(4), ["identity", "power 10", "softmax", "max"])
plt.axis((-0.5, 3.5, 4.5, -0.5))
