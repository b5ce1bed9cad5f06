"""Predictive coding completes digits that were never stored.

A layer of 16 principal components predicts the pixels. Known pixels are held; at rest the unknown
ones are what the components predict (see [predictive coding](../results/predictive.md)).

Three rows of six digits: new digits, cues whose right half is hidden, and completions, which are
blurred versions of the new digits.
"""

import jax.numpy as jnp
import matplotlib.pyplot as plt

import nam_jax as nam
from nam_jax.interaction import Prediction
from nam_jax.lagrangian import Quadratic
from nam_jax.network import EnergyNetwork, Layer

digits = nam.data.load_images("digits").images.reshape(-1, 64)
mean, new = digits[:1500].mean(axis=0), digits[1500:1506]
_, sizes, axes = jnp.linalg.svd(digits[:1500] - mean, full_matrices=False)
weights = (axes[:16] * sizes[:16, None] / 1500**0.5).T
known = jnp.arange(64) % 8 < 4
pixels = Layer(Quadratic(), leak=0.0, shape=64, held=known)
parts = Layer(Quadratic(), leak=0.02, shape=16)
prediction = Prediction("pixels", "parts", weights, mean)
network = EnergyNetwork({"pixels": pixels, "parts": parts}, [prediction], visible="pixels")
cues = jnp.where(known, new, mean)
recall = nam.retrieve_all(network, cues)
figure, grid = plt.subplots(3, 6, figsize=(3.4, 1.9))
for row, name, images in zip(grid, ("new", "cue", "recalled"), (new, cues, recall.pattern)):
    row[0].set_ylabel(name)
    for cell, image in zip(row, images):
        cell.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
        cell.set(xticks=[], yticks=[], frame_on=False)
