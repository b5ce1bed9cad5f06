"""Photographs as 768 bits, and what wrong bits do to them.

The shipped codec turns 32 x 32 colour images into codes and back. A share of the bits is flipped
before decoding.

Three rows of six images: three photographs, their decoded codes, and those with 5, 10, 20 and 40 %
wrong bits, which become noisy.
"""

import jax
import matplotlib.pyplot as plt

import nam_jax as nam

codec = nam.data.load_codec()
images = nam.data.load_images("photos", num_images=3).images
flips = (0, 0.05, 0.1, 0.2, 0.4)
figure, grid = plt.subplots(3, 6, figsize=(3.4, 1.9))
for row, image in zip(grid, images):
    code = codec.encode(image)
    copies = [codec.decode(nam.data.flip(code, share, key=jax.random.key(0))) for share in flips]
    for axes, picture in zip(row, (image, *copies)):
        axes.imshow(picture)
        axes.set(xticks=[], yticks=[], frame_on=False)
for axes, name in zip(grid[0], ("image", *(f"{share:.0%}" for share in flips))):
    axes.set_title(name)
