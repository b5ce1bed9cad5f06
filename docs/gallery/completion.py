"""A composed network completes half-hidden digits.

Pixels are one layer, 60 stored digits are softmax units of another, and an anchor holds the upper
half. No class was written for it (see [compose](../how_to/compose.md)).

Three rows of six digits: the stored ones, cues whose lower half is the mean image, and the
completed ones, which look like the stored ones.
"""

import jax.numpy as jnp
import matplotlib.pyplot as plt

import nam_jax as nam
from nam_jax.interaction import Anchor, Bias, Bilinear
from nam_jax.lagrangian import LogSumExp, Quadratic
from nam_jax.network import EnergyNetwork, Layer

digits = 2 * nam.data.load_images("digits", num_images=60).images.reshape(60, 64) - 1
known = jnp.arange(64) < 32
layers = {"v": Layer(Quadratic(), shape=64), "h": Layer(LogSumExp(), time=0.3, shape=60)}
stored = [Bias("h", -jnp.sum(digits**2, axis=1) / 2), Bilinear("v", "h", digits)]
figure, grid = plt.subplots(3, 6, figsize=(3.4, 1.9))
for column, digit in zip(grid.T, digits):
    cue = jnp.where(known, digit, digits.mean(axis=0))
    anchor = Anchor("v", cue, mask=known, strength=4.0)
    network = EnergyNetwork(layers, [anchor, *stored], visible="v")
    for axes, image in zip(column, (digit, cue, nam.retrieve(network, cue).pattern)):
        axes.imshow(image.reshape(8, 8), cmap="gray_r", vmin=-1, vmax=1)
        axes.set(xticks=[], yticks=[], frame_on=False)
for axes, name in zip(grid[:, 0], ("stored", "cue", "recalled")):
    axes.set_ylabel(name)
