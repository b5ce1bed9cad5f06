"""Results and networks print their numbers in a few lines."""

import jax
import jax.numpy as jnp
import numpy as np
from tables.networks import released, signs

import nam_jax as nam
from nam_jax._misc import brief
from nam_jax.network import Hopfield

N = 12


def test_a_recall_prints_its_numbers(getkey):
    net = released(signs(getkey(), (3, N)))
    text = repr(nam.retrieve(net, net.tensor.patterns[1]))
    rows = dict(line.split(maxsplit=1) for line in text.splitlines()[1:])
    assert text.startswith("Retrieval\n") and len(text.splitlines()) <= 14
    assert rows["result"] == "converged" and rows["memory"] == "1" and rows["known"] == "True"
    assert rows["pattern"].startswith("float") and "from -1 to 1" in rows["pattern"]
    assert float(rows["residual"]) <= 1e-3 and int(rows["steps"]) > 3
    assert all(len(line) <= 100 for line in text.splitlines())


def test_a_batch_prints_how_many_ended_in_which_way(getkey):
    net = released(signs(getkey(), (3, N)))
    cues = net.tensor.patterns.at[2, 0].set(jnp.nan)
    assert "2 converged, 1 non_finite" in repr(nam.retrieve_all(net, cues))
    texts = []
    jax.jit(lambda cue: texts.append(repr(nam.retrieve(net, cue))) or cue)(cues[0])
    assert "not known yet" in texts[0]


def test_networks_and_other_solutions_print(getkey):
    net = released(signs(getkey(), (3, N)))
    assert repr(net).startswith("NeuronAstrocyte\n") and "LogCosh(beta=5" in repr(net)
    pairs = Hopfield.from_patterns(signs(getkey(), (2, 3)))
    assert "weights" in repr(pairs) and "(3, 3)" in repr(pairs)
    assert "time_reached" in repr(nam.simulate(net, net.initial_state(net.tensor.patterns[0]), 0.1))
    assert "converged" in repr(nam.settle(net, net.initial_state(net.tensor.patterns[0])))


def test_values_in_one_line():
    assert brief(jnp.asarray(2.5)) == "2.5" and brief(jnp.asarray(3)) == "3"
    assert brief(np.arange(3)) == "int64 (3,): 0, 1, 2"
    assert (
        brief(np.array([1.0, np.nan, 2.0, 3.0, 4.0])) == "float64 (5,), from 1 to 4, 1 not finite"
    )
    assert brief(np.full(9, np.inf)) == "float64 (9,), none finite"
    assert brief(np.arange(6) > 2) == "bool (6,), 3 true"
    assert brief(None) == "None" and brief({"a": 1}) == "a: 1" and brief((1, 2.0)) == "(1, 2)"
    assert brief(jax.random.key(0)).startswith("key<")
