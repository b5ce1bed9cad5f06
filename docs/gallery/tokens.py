"""Tokens rest only with a leak.

Steps of the block of the Energy Transformer (Hoover et al., arXiv 2302.07253). The published block
has no leak: its tokens grow for ever. With a leak of 1 they come to rest.

Two lines of speed against the number of steps on a logarithmic axis. One stays level, the other
swings and then falls to rounding.
"""

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

import nam_jax as nam

tokens = jax.random.normal(jax.random.key(0), (9, 8))
sizes = {"num_heads": 2, "head_size": 4, "num_memories": 12, "key": jax.random.key(1)}
for leak in (0.0, 1.0):
    block = nam.attention.EnergyBlock.random(8, **sizes, leak=leak, step=0.1)
    path = jax.jit(lambda block, tokens: block.path(tokens, 800))(block, tokens)
    speed = jnp.linalg.norm(jnp.diff(path, axis=0), axis=(1, 2)) / 0.1
    plt.plot(speed, label=f"leak {leak:g}")
plt.yscale("log")
plt.legend()
plt.xlabel("steps of 0.1 (1)")
plt.ylabel("speed of all tokens (1)")
