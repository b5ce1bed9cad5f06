"""A map of recall over load and damage.

A sweep runs the study `rate` for every combination of 6 numbers of patterns and 10 damages, with 8
seeds each (dense memory with n = 3, 40 neurons; see [sweeps](../how_to/sweep.md)).

Shades over the number of stored patterns and flipped bits, light where all cues are recalled, in
the lower left, and dark in the upper right.
"""

import matplotlib.pyplot as plt

import nam_jax as nam
from nam_jax.experiment import rate

dataset = nam.sweep.run(
    rate.study,
    {"num_patterns": "10:160:6:log", "flips": "0:0.45:10"},
    settings={"memory": "power-3", "num_neurons": 40, "num_sets": 1},
    seeds=8,
    store="sweep",
)
share = dataset.recalled.mean("seed").transpose("flips", "num_patterns")
plt.imshow(share, origin="lower", aspect="auto", extent=(-0.5, 5.5, -0.025, 0.475), vmin=0, vmax=1)
plt.xticks(range(6), share.num_patterns.values)
plt.colorbar(label="cues recalled (1)")
plt.xlabel("stored patterns K (1)")
plt.ylabel("flipped bits (1)")
