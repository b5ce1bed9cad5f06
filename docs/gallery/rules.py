"""Learning rules of one and the same network.

Share of patterns that Hopfield networks of 64 neurons recall from cues with 10 % flipped bits, by
the rule that made their weights (Storkey & Valabregue 1999; pseudo-inverse).

Three falling lines. Hebb's falls below one half near 13 patterns, Storkey's near 27, the
pseudo-inverse near 33.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

import nam_jax as nam
from nam_jax.memory import ActivityProduct, PseudoInverse, Storkey

counts, how = (4, 8, 12, 18, 26, 36), nam.solve.Asynchronous(jax.random.key(0))
keys = jax.random.split(jax.random.key(1), 64)
rules = {"Hebb": ActivityProduct(), "Storkey": Storkey(), "pseudo-inverse": PseudoInverse()}
store = eqx.filter_vmap(nam.network.Hopfield.from_patterns, in_axes=(0, None))
sets = nam.data.random_patterns(64 * 36, 64, key=jax.random.key(2)).reshape(64, 36, 64)
cues = jax.vmap(lambda pattern, key: nam.data.flip(pattern, 0.1, key=key))(sets[:, 0], keys)
for name, rule in rules.items():
    shares = []
    for count in counts:
        stored = jnp.arange(36)[:, None] < count  # rows of zeros store nothing
        recall = nam.retrieve_all(store(sets * stored, rule), cues, how=how, stacked=True)
        shares.append((recall.pattern == sets[:, 0]).all(axis=1).mean())
    plt.plot(counts, shares, marker="o", label=name)
plt.legend()
plt.xlabel("stored patterns K (1)")
plt.ylabel("recalled exactly (1)")
