"""Four kinds of damage to one digit.

Bits are flipped, set to 0 or hidden row by row, or get Gaussian noise. A dense memory of 100 digits
with F(z) = max(z, 0)^20 / 20 recalls from signs, where 0 is an unknown bit.

Five columns of two digits each: the stored digit, and the four damaged copies of it above what is
recalled from them.
"""

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

import nam_jax as nam

images = nam.data.load_images("digits", num_images=100).images[..., 0]
digits = jnp.where(images >= 0.5, 1.0, -1.0)
key, digit = jax.random.key(0), digits[3]
cues = {
    "flip 20 %": nam.data.flip(digit, 0.2, key=key),
    "mask 60 %": nam.data.mask(digit, 0.6, key=key),
    "occlude 50 %": nam.data.occlude(digit, 0.5),
    "noise, sd 1": nam.data.add_noise(digit, 1.0, key=key),
}
F = nam.memory.RectifiedPower(20)
memory = nam.network.DenseAssociativeMemory(digits.reshape(100, 64), F)
recall = nam.retrieve_all(memory, jnp.stack(list(cues.values())).reshape(4, 64))

figure, grid = plt.subplots(2, 4, figsize=(3.4, 1.9))
for (name, cue), pattern, axes in zip(cues.items(), recall.pattern, grid.T):
    for cell, bits in zip(axes, (cue, pattern.reshape(8, 8))):
        cell.imshow(bits, cmap="gray_r", vmin=-1.5, vmax=1.5)
        cell.set(xticks=[], yticks=[], frame_on=False)
    axes[0].set_title(name, fontsize=7)
