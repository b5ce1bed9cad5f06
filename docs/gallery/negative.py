"""Pairwise memories recall the negative; those of odd order do not.

The energy of even powers F is the same for a state and its negative, so cues that are more wrong
than right end at the negative. The odd power n = 3 tells them apart (dense memories of Krotov &
Hopfield, arXiv 1606.01164).

Overlap after recall against overlap of the cue. The line of n = 2 goes from -1 to 1 by a step at
0; that of n = 3 is near 0 for negative overlaps and jumps to 1 at about 0.1.
"""

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

import nam_jax as nam

patterns = nam.data.random_patterns(10, 200, key=jax.random.key(0))
flips = jnp.linspace(0, 1, 41)
keys = jax.random.split(jax.random.key(1), 41)
cues = jax.vmap(lambda share, key: nam.data.flip(patterns[0], share, key=key))(flips, keys)
for n in (2, 3):
    memory = nam.network.DenseAssociativeMemory(patterns, nam.memory.Power(n))
    how = nam.solve.Asynchronous(jax.random.key(2))
    recall = nam.retrieve_all(memory, cues, how=how)
    plt.plot(1 - 2 * flips, recall.pattern @ patterns[0] / 200, label=f"n = {n}")
plt.legend()
plt.xlabel("overlap of the cue (1)")
plt.ylabel("overlap after recall (1)")
