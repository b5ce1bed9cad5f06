"""Where recalls end, by the damage of the cue.

A Hopfield network with 10 patterns in 100 neurons. Recalls that miss the pattern end at others, at
their negatives, at mixtures of three patterns, or at states that are none of these.

Stacked areas against the share of flipped bits. The area of the pattern fills the picture up to
0.3 and vanishes at 0.5, where other states have half.
"""

import jax
import matplotlib.pyplot as plt

import nam_jax as nam

key, make = jax.random.key(0), nam.network.Hopfield.from_patterns
basin = nam.measure.basin(make, 10, 100, num_sets=40, key=key)

names = {"target": "its pattern", "another": "another pattern", "negative": "a negative"}
names |= {"mixture": "a mixture of three", "spurious": "another state"}
shares = [basin.reached[:, nam.measure.REACHED.index(name)] for name in names]
shades = ("C0", "C2", "C5", "C3", "0.85")
plt.stackplot(basin.flips, shares, labels=names.values(), colors=shades, edgecolor="white")
plt.margins(0)
plt.legend(loc="lower left", facecolor="white", frameon=True, reverse=True)
plt.xlabel("flipped bits of the cue (1)")
plt.ylabel("share of recalls (1)")
print(f"half of the cues are recalled at {basin.radius} flipped bits")
