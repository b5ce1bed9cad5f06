"""How large a set of neurons a dendritic memory keeps.

Strict recall of 12 random sets of each size from their features, with 95 % intervals, beside
mean-field theory (Kafraj, Krotov, Bicknell & Latham; see [sets](../results/dendritic.md)).

Points and a line that are at 1 for up to 3 neurons and fall to 0 at about 7.
"""

import jax
import matplotlib.pyplot as plt

import nam_jax as nam
from nam_jax.network import DendriticMemory

theory, sizes = nam.theory.dendritic, {"num_memory": 200, "num_feature": 2000, "num_branches": 100}
circuit = theory.Circuit(**sizes, num_memory_inhibitory=100, num_feature_inhibitory=200)
thresholds = theory.Thresholds(*map(float, theory.design(circuit, k=2)))
network = DendriticMemory.random(
    **sizes, num_inhibitory=(100, 200), thresholds=thresholds, key=jax.random.key(0)
)
how = nam.solve.Flow(solver=nam.solve.ExponentialEuler(network), step=2.0, max_time=200.0)
for k in range(1, 8):
    keys = jax.random.split(jax.random.key(k), 12)
    members = jax.vmap(lambda key: nam.data.random_members(200, k, key=key))(keys)
    cues = jax.vmap(network.features_of)(members)
    recall = nam.retrieve_all(network, cues, how=how)
    rate = nam.measure.rate(jax.vmap(nam.measure.strict_recall)(recall.pattern, members))
    plt.errorbar(k, rate.value, [[rate.value - rate.low], [rate.high - rate.value]], fmt="o", color="C1")
plt.plot(range(1, 8), [theory.recall(circuit, thresholds, k) for k in range(1, 8)], label="theory")
plt.legend()
plt.xlabel("neurons of a set k (1)")
plt.ylabel("strict recall (1)")
