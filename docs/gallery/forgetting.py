"""A leaky rule remembers the latest patterns, Hebb's rule none.

100 patterns are learned one after another by 100 neurons. Clamped Oja's rule forgets the oldest
ones; under Hebb's rule all patterns are forgotten together (95 % intervals as bands).

Share of recalled patterns against age. The line of Oja's rule falls from 1 to 0 within ten
patterns, that of Hebb's rule is near 0 at all ages.
"""

import jax
import matplotlib.pyplot as plt

import nam_jax as nam

rules = {"Oja, clamped": nam.memory.ClampedOja(0.1), "Hebb": nam.memory.ActivityProduct()}
criterion, ages = nam.measure.Recall(flips=0.05, overlap=0.9), tuple(range(0, 40, 2))
for name, rule in rules.items():
    make = lambda patterns, rule=rule: nam.network.Hopfield.from_patterns(patterns, rule)
    by_age = nam.measure.by_age(make, 100, 100, criterion, ages=ages, key=jax.random.key(0))
    plt.plot(by_age.ages, by_age.scores, label=name)
    plt.fill_between(by_age.ages, by_age.low, by_age.high, alpha=0.3)
plt.legend()
plt.xlabel("age: patterns learned since (1)")
plt.ylabel("recalled (1)")
