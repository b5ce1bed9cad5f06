"""Recalls differ in length, so slots are refilled.

Near capacity some recalls of a dense memory take many more updates than others. `retrieve_all`
gives the next cue to a slot whose recall has ended.

A falling curve of the number of updates of 512 recalls, sorted, and above it a staircase: the
updates that batches of 32 random cues would take.
"""

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

import nam_jax as nam

patterns = nam.data.random_patterns(512, 64, key=jax.random.key(0))
keys = jax.random.split(jax.random.key(1), 512)
cues = jax.vmap(lambda pattern, key: nam.data.flip(pattern, 0.2, key=key))(patterns, keys)
memory = nam.network.DenseAssociativeMemory(patterns, nam.memory.Power(3))
how = nam.solve.Asynchronous(jax.random.key(2))
recall = nam.retrieve_all(memory, cues, how=how, batch=32)

slowest = recall.steps.reshape(-1, 32).max(axis=1)
plt.step(range(0, 512, 32), jnp.sort(slowest)[::-1], where="post", label="batches of 32")
plt.plot(jnp.sort(recall.steps)[::-1], label="single cues")
plt.legend()
plt.xlabel("cues, longest recall first (1)")
plt.ylabel("updates of all neurons (1)")
share = recall.steps.sum() / (32 * slowest.sum())
print(f"steps used by a recall: {recall.slot_use[0]:.2f} in slots, {share:.2f} in batches")
