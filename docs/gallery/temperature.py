"""Between the mean image and one image.

A modern Hopfield network (Ramsauer et al., arXiv 2008.02217) answers with a mean of stored images,
whose weights are the softmax of beta times overlaps. A large beta picks one image.

Six digits in a row. The first is half hidden, the next are what is recalled with beta from 0.1 to
30: a blur that becomes a clear digit.
"""

import matplotlib.pyplot as plt

import nam_jax as nam

digits = nam.data.load_images("digits", num_images=200).images.reshape(200, 64)
stored = digits - digits.mean(axis=0)
cue = nam.data.occlude(stored[7], 0.5)
figure, row = plt.subplots(1, 6, figsize=(3.4, 0.9))
betas = (0.1, 0.5, 1.0, 2.0, 10.0)
answers = [nam.retrieve(nam.network.ModernHopfield(stored, beta), cue).pattern for beta in betas]
for axes, image, name in zip(row, [cue, *answers], ["cue", *(f"β = {b:g}" for b in betas)]):
    axes.imshow((image + digits.mean(axis=0)).reshape(8, 8), cmap="gray_r")
    axes.set(title=name, xticks=[], yticks=[], frame_on=False)
