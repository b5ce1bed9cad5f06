"""Wrong bits against stored patterns, on the exact law.

One step of a dense memory with n = 3 and 40 neurons from a stored pattern. The line is computed
without approximation (`theory.one_step_error`).

Points with small error bars on a line that rises from 0.0003 to 0.1 as patterns are added.
"""

import jax
import matplotlib.pyplot as plt

import nam_jax as nam


def make(patterns):
    return nam.network.DenseAssociativeMemory(patterns, nam.memory.Power(3))


counts = (40, 60, 90, 130, 200, 300)
criterion, key = nam.measure.OneStep(), jax.random.key(0)
scan = nam.measure.scan(make, counts, 40, criterion, num_sets=200, key=key)
law = nam.theory.power_difference(3)
exact = [nam.theory.one_step_error(40, count, law) for count in counts]

errors = [scan.high - scan.scores, scan.scores - scan.low]
plt.plot(counts, exact, label="exact law")
plt.errorbar(counts, 1 - scan.scores, errors, fmt="o", label="measured [95 %]")
plt.yscale("log")
plt.legend()
plt.xlabel("stored patterns K (1)")
plt.ylabel("wrong bits (1)")
