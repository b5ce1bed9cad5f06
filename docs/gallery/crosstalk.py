"""Cross-talk between stored patterns is Gaussian.

A correlation-matrix memory answers a stored pattern with that pattern plus noise of the variance
K / N (Kohonen 1972). Bits whose answer has the wrong sign are wrong.

A histogram of answers times right bits on the curve of a normal density. The small part below 0 is
shaded.
"""

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import scipy

import nam_jax as nam

patterns = nam.data.random_patterns(60, 200, key=jax.random.key(0))
memory, load = nam.network.CorrelationMatrix(patterns), 60 / 200
right = (nam.retrieve_all(memory, patterns).pattern * patterns).ravel()

values = jnp.linspace(-1, 3.5, 181)
density = scipy.stats.norm.pdf(values, 1 + load, load**0.5)
plt.hist(right, 40, density=True, color="0.8", label="measured")
plt.plot(values, density, label="normal, variance K / N")
plt.fill_between(values, density, where=values < 0, color="C1", label="wrong bits")
plt.legend(loc="upper left")
plt.ylim(0, 1.1)
plt.xlabel("answer times right bit (1)")
plt.ylabel("density (1)")
law = scipy.stats.norm.sf((1 + load) / load**0.5)
print(f"wrong bits: {(right < 0).mean():.4f}, by the normal law {law:.4f}")
