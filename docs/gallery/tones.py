"""Inputs to neurons lead a network from memory to memory.

Two short inputs, each along another stored pattern, move a certified network (Kozachkov, Slotine &
Krotov, arXiv 2311.08135). After an input it stays where it was led.

Three lines of overlap against time. The first is near 1 until an input at time 5, then the second
is near 1 until an input at time 15, and then the third. Grey bands mark the inputs.
"""

import jax
import matplotlib.pyplot as plt

import nam_jax as nam

patterns = nam.data.random_patterns(3, 64, key=jax.random.key(0))
network = nam.network.NeuronAstrocyte.certified(patterns)
pulses = [
    nam.network.Pulse(start, start + 2.0, 10 * network.leaks.neural * pattern)
    for start, pattern in ((5.0, patterns[1]), (15.0, patterns[2]))
]
drive = nam.network.Drive(neural=pulses[0] + pulses[1])
start = network.initial_state(patterns[0])
run = nam.simulate(network, start, 25.0, drive=drive, target=patterns, times=251)

for pulse in pulses:
    plt.axvspan(pulse.start, pulse.stop, color="0.9")
plt.plot(run.ts, run.observables["overlap"], label=["first", "second", "third"])
plt.legend(title="pattern", loc="center right")
plt.xlabel("time (membrane time constants)")
plt.ylabel("overlap (1)")
