"""Capacity grows as a power of N.

Lines are the exact number of random patterns at which one bit in 200 is wrong after one step
(`theory.exact_capacity_at_error`), markers are measured with 95 % intervals (dense memories of
Krotov & Hopfield, arXiv 1606.01164, without self-coupling).

Three rising lines on logarithmic axes, for n = 2, 3 and 4, the steeper the larger n; markers lie on
the lines.
"""

import jax
import matplotlib.pyplot as plt

import nam_jax as nam

sizes, criterion = (16, 24, 36), nam.measure.OneStep(0.005)
for n in (2, 3, 4):
    make = lambda patterns, n=n: nam.network.DenseAssociativeMemory(patterns, nam.memory.Power(n))
    law = nam.theory.power_difference(n)
    exact = [nam.theory.exact_capacity_at_error(size, law, 0.005) for size in sizes]
    (line,) = plt.plot(sizes, exact, label=f"n = {n}")
    for size, guess in zip(sizes, exact):
        measured = nam.measure.capacity(make, size, criterion, guess=guess, key=jax.random.key(n))
        errors = [[measured.value - measured.low], [measured.high - measured.value]]
        plt.errorbar(size, measured.value, errors, fmt="o", color=line.get_color())
plt.legend()
plt.loglog(base=10)
plt.minorticks_off()
plt.xticks(sizes, sizes)
plt.xlabel("neurons N (1)")
plt.ylabel("patterns K (1)")
