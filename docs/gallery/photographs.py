"""A network recalls photographs from damaged codes.

The codes of 25 photographs are stored in the process tensor of an astrocyte, in the parameters of
the authors' code. One bit in five of each cue is flipped (Kozachkov, Slotine & Krotov, arXiv
2311.08135, Figure 2).

Three rows of four photographs. Those of the top row are sharp, those of the middle row are hardly
recognisable, and those of the bottom row look like the top row.
"""

import jax
import matplotlib.pyplot as plt

import nam_jax as nam

codec = nam.data.load_codec()
codes = jax.vmap(codec.encode)(nam.data.load_images("photos", num_images=25).images)
keys = jax.random.split(jax.random.key(0), 4)
cues = jax.vmap(lambda code, key: nam.data.flip(code, 0.2, key=key))(codes[:4], keys)
recall = nam.retrieve_all(nam.network.NeuronAstrocyte.released(codes), cues)

bits = jax.numpy.sign(recall.pattern)
figure, grid = plt.subplots(3, 4, figsize=(3.4, 2.6))
for row, name, shown in zip(grid, ("stored", "cue", "recalled"), (codes[:4], cues, bits)):
    row[0].set_ylabel(name)
    for axes, code in zip(row, shown):
        axes.imshow(codec.decode(code))
        axes.set(xticks=[], yticks=[], frame_on=False)
wrong = [float((rows != codes[:4]).mean()) for rows in (cues, bits)]
print(f"wrong bits: {wrong[0]:.3f} in cues, {wrong[1]:.3f} recalled")
