"""Neurons, synapses and astrocyte processes during one recall.

Neurons whose bit is wrong in the cue change their sign, and so do their synapses and processes
(certified network of Kozachkov, Slotine & Krotov, arXiv 2311.08135, eq 9).

Three panels of lines against time: neurons, synapses and processes. In each panel most lines keep
their sign, and a few cross zero between times 1 and 4.
"""

import jax
import matplotlib.pyplot as plt

import nam_jax as nam

patterns = nam.data.random_patterns(5, 64, key=jax.random.key(0))
cue = nam.data.flip(patterns[0], 0.2, key=jax.random.key(1))
network = nam.network.NeuronAstrocyte.certified(patterns)
save = {
    "x": lambda state: state.neurons[:8],
    "s": lambda state: state.synapses[0, 1:8],
    "p": lambda state: state.processes[0, 1:8],
}
run = nam.simulate(network, network.initial_state(cue), 8.0, save=save, times=41)

figure, panels = plt.subplots(3, sharex=True, figsize=(3.4, 3.2))
for axes, key, name in zip(panels, save, ("neurons x", "synapses s", "processes p")):
    axes.plot(run.ts, run.observables[key], linestyle="-")
    axes.set_ylabel(f"{name} (1)")
axes.set_xlabel("time (membrane time constants)")
