"""An echo tells what was seen before.

Minerva 2 keeps a trace of each pattern, of which features are lost with the probability 1 - L. The
intensity of the echo of a probe tells old patterns from new ones (Hintzman 1984).

Two pairs of histograms of intensity. With L = 0.9 old and new probes are apart; with L = 0.3 their
histograms meet.
"""

import jax
import matplotlib.pyplot as plt

import nam_jax as nam

old, new = nam.data.random_patterns(400, 40, key=jax.random.key(0)).reshape(2, 200, 40)
figure, panels = plt.subplots(2, figsize=(3.4, 2.6))
for axes, rate in zip(panels, (0.9, 0.3)):
    memory = nam.network.Minerva2.encode(old, rate, key=jax.random.key(1))
    for name, probes, hatch in (("old", old, ""), ("new", new, "////")):
        intensity = jax.vmap(memory.echo)(probes).intensity
        axes.hist(intensity, 30, alpha=0.8, hatch=hatch, label=name)
    axes.set(title=f"L = {rate}", ylabel="probes (1)")
axes.legend()
axes.set_xlabel("intensity of the echo (1)")
