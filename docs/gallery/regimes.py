"""With released parameters, recall needs a start and a slow astrocyte.

Networks with the parameters of the authors' code recall from the algebraic start if synapses and
processes are slow enough. From s = p = 0 the cue stays as it is, at all speeds (see
[regimes](../concepts/regimes.md)).

Overlap at rest against the time constant of synapses and processes on a logarithmic axis. One line
jumps from 0.6 to 1; the other stays at the 0.6 of the cue.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

import nam_jax as nam

patterns = nam.data.random_patterns(8, 64, key=jax.random.key(0))
keys = jax.random.split(jax.random.key(1), 8)
cues = jax.vmap(lambda pattern, key: nam.data.flip(pattern, 0.2, key=key))(patterns, keys)
released = nam.network.NeuronAstrocyte.released(patterns)
cold = eqx.tree_at(lambda network: network.start, released, nam.network.Cold())
ratios = jnp.logspace(-1.5, 0.5, 9)
for name, network in {"algebraic start": released, "start at s = p = 0": cold}.items():
    overlaps = []
    for ratio in ratios:
        recall = nam.retrieve_all(network.with_fast_layers(ratio), cues)
        overlaps.append((jnp.sign(recall.pattern) * patterns).mean())
    plt.semilogx(ratios, overlaps, marker="o", label=name)
plt.legend()
plt.xlabel("time constant of s and p (that of neurons)")
plt.ylabel("overlap at rest (1)")
