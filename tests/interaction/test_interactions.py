"""One contract over all interactions; to test a new one, add a row to `INTERACTIONS`."""

import functools
import itertools
import math
import re
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from refusals import REFUSED
from tables.interactions import INTERACTIONS, activations_of
from tables.networks import cast

from nam_jax import interaction
from nam_jax.interaction import (
    AbstractInteraction,
    Anchor,
    Attention,
    Bilinear,
    Convolution,
    Dense,
    Outer,
    Pairing,
    Pool,
    Prediction,
    Setwise,
    Tensor,
)
from nam_jax.memory import PatternTensor

every = pytest.mark.parametrize("name", INTERACTIONS)
TIMES = np.linspace(-1.0, 1.0, 9)
FAR = (10.0, 30.0, 1e3, 1e5)


class Report(NamedTuple):
    """All that the tests ask of one interaction, from one compiled program.

    Attributes:
        single: Energy, forces and slopes of the energy at the first of three activations.
        narrow: The same in float32.
        batch: Energies and forces at all three.
        rays: The energy at `TIMES` along a line, for each choice of layers that vary.
        falls: How far the energy falls at the distances `FAR` in 32 directions, likewise.
    """

    single: Any
    narrow: Any
    batch: Any
    rays: Any
    falls: Any


def frees(row):
    """All choices of which layers vary."""
    return list(itertools.product([False, True], repeat=len(row.shapes)))


def at(term, layers):
    slopes = jax.grad(lambda layers: term.energy(*layers))(layers)
    return term.energy(*layers), term.forces(*layers), slopes


@functools.cache
def report(name):
    row = INTERACTIONS[name]
    term = row.make(jr.key(0), float)
    narrow = cast(term, "float32")
    of_batch, of_lines = jr.split(jr.key(1))
    batch = jax.vmap(lambda key: activations_of(row, key))(jr.split(of_batch, 3))
    lines = jax.vmap(lambda key: activations_of(row, key))(jr.split(of_lines, 32))

    def moved(term, layers, line, free, scale, kept):
        return term.energy(
            *(
                jnp.where(moves, kept * y + scale * v, y)
                for y, v, moves in zip(layers, line, free, strict=True)
            )
        )

    @eqx.filter_jit
    def compute(term, narrow, batch, lines, free):
        first, line = (jax.tree.map(lambda leaf: leaf[0], tree) for tree in (batch, lines))
        ray = lambda free, t: moved(term, first, line, free, t, 1.0)  # noqa: E731
        fall = lambda free, far, line: -moved(term, first, line, free, far, 0.0)  # noqa: E731
        return Report(
            at(term, first),
            at(narrow, jax.tree.map(lambda leaf: leaf.astype("float32"), first)),
            jax.vmap(lambda layers: (term.energy(*layers), term.forces(*layers)))(batch),
            jax.vmap(lambda free: jax.vmap(lambda t: ray(free, t))(jnp.asarray(TIMES)))(free),
            jax.vmap(
                lambda free: jax.vmap(
                    lambda far: jax.vmap(lambda line: fall(free, far, line))(lines)
                )(jnp.asarray(FAR))
            )(free),
        )

    return jax.device_get(compute(term, narrow, batch, lines, np.array(frees(row))))


def test_every_interaction_has_a_row():
    tried = {type(row.make(jr.key(0), float)).__name__ for row in INTERACTIONS.values()}
    assert tried | {"AbstractInteraction"} == {*interaction.__all__}


@every
def test_forces_are_minus_the_slopes_of_the_energy(name, x64):
    """In both dtypes; the energy and the forces keep the dtype of the activations."""
    for values, dtype, tolerance in (
        (report(name).single, "float64", 1e-12),
        (report(name).narrow, "float32", 1e-5),
    ):
        energy, forces, slopes = values
        assert energy.dtype == dtype and energy.shape == ()
        for force, slope, shape in zip(forces, slopes, INTERACTIONS[name].shapes, strict=True):
            assert force.shape == shape and force.dtype == dtype
            np.testing.assert_allclose(force, -slope, rtol=0, atol=tolerance * np.abs(slope).max())


@every
def test_batches_equal_single_calls_and_float32_equals_float64(name, x64):
    values = report(name)
    batch = jax.tree.map(lambda leaf: leaf[0], values.batch)
    for expected, rtol in ((values.single, 1e-12), (values.narrow, 1e-4)):
        for one, other in zip(jax.tree.leaves(batch), jax.tree.leaves(expected[:2]), strict=True):
            size = np.abs(other).max()
            np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol * size)


@every
def test_shapes_are_checked_and_refused_in_one_sentence_with_both_shapes(name):
    row = INTERACTIONS[name]
    term = row.make(jr.key(0), float)
    assert len(term.joins) == len(row.shapes)
    term.check(*row.shapes)
    with pytest.raises(ValueError, match=row.told) as error:
        term.check(*row.wrong)
    sentence = str(error.value)
    assert sentence.count("\n") == 0 and sentence.startswith("Argument `")
    if not isinstance(term, Setwise):
        assert len(set(re.findall(r"\([\d, ]+\)", sentence))) >= 2
        # A layer with another number of axes is refused as well, and not by an error of NumPy.
        with pytest.raises(ValueError, match="Argument `"):
            term.check(*[(3,) * (len(shape) + 1) for shape in row.shapes])


@every
def test_the_degree_is_that_of_the_polynomial_along_rays(name, x64):
    """Differences of order n of a polynomial of degree n are its last that are not 0."""
    row = INTERACTIONS[name]
    term = row.make(jr.key(0), float)
    for free, values in zip(frees(row), report(name).rays, strict=True):
        largest = np.array([np.abs(np.diff(values, n)).max() for n in range(9)])
        is_zero = largest <= 1e-12 * 2.0 ** np.arange(9) * np.abs(values).max()
        degree = term.degree(*free)
        if degree == math.inf:
            assert not is_zero.any()
        else:
            assert is_zero[degree + 1 :].all() and not is_zero[degree]


@every
def test_energies_fall_no_faster_than_they_say(name, x64):
    """The steepest fall over random directions, at two distances, gives the power."""
    row = INTERACTIONS[name]
    term = row.make(jr.key(0), float)
    for free, falls in zip(frees(row), report(name).falls, strict=True):
        at_10, at_30, near, far = falls.max(axis=1)
        growth = term.growth(*free)
        if growth == 0:
            assert far <= max(near, 0) + 1e-9 * abs(near)
        elif growth == math.inf:
            assert math.log(at_30 / at_10) / math.log(3) > 6
        else:
            np.testing.assert_allclose(math.log(far / near) / math.log(1e2), growth, atol=0.02)


# Against loops


def test_convolution_equals_loops(getkey, x64):
    kernel = np.asarray(jr.normal(getkey(), (3, 2, 2, 3)))
    image, features = np.asarray(jr.normal(getkey(), (6, 5, 2))), jr.normal(getkey(), (2, 2, 3))
    total = 0.0
    for i, j in np.ndindex(2, 2):
        window = image[2 * i : 2 * i + 3, 2 * j : 2 * j + 2]
        total -= float(np.einsum("abc,abcf,f->", window, kernel, features[i, j]))
    term = Convolution("v", "h", kernel, stride=2)
    actual = term.energy(jnp.asarray(image), features)
    np.testing.assert_allclose(actual, total, rtol=1e-12)


def test_pools_are_means_of_squares(getkey, x64):
    image, pooled = np.asarray(jr.normal(getkey(), (4, 6, 2))), jr.normal(getkey(), (2, 3, 2))
    total = sum(
        -0.7 * float(pooled[i, j, c]) * image[2 * i : 2 * i + 2, 2 * j : 2 * j + 2, c].mean()
        for i, j, c in np.ndindex(2, 3, 2)
    )
    term = Pool("v", "h", 2, strength=0.7)
    np.testing.assert_allclose(term.energy(jnp.asarray(image), pooled), total, rtol=1e-12)


def test_setwise_equals_all_sets_and_the_elementary_symmetric_polynomial(getkey, x64):
    """e_3 of N = 9 numbers is minus the third coefficient of the polynomial with these roots."""
    y = np.asarray(jr.normal(getkey(), (9,)))
    sets = [list(itertools.combinations(range(9), n)) for n in (2, 3)]
    weights = [np.asarray(jr.normal(getkey(), (len(units),))) for units in sets]
    total = -sum(
        w * math.prod(y[i] for i in units)
        for of_size, row in zip(sets, weights, strict=True)
        for units, w in zip(of_size, row, strict=True)
    )
    term = Setwise("y", sets, weights)
    np.testing.assert_allclose(term.energy(jnp.asarray(y)), total, rtol=1e-13)
    ones = Setwise("y", sets[1:], [np.ones(84)])
    np.testing.assert_allclose(ones.energy(jnp.asarray(y)), np.poly(y)[3], rtol=1e-13)


def test_weights_of_sets_are_those_of_patterns(getkey):
    """With all edges the network is Hopfield's: its field is (Xi^T Xi - K) xi / N."""
    xi = jr.rademacher(getkey(), (3, 8), float)
    edges = list(itertools.combinations(range(8), 2))
    (force,) = Setwise.from_patterns("y", [edges], xi).forces(xi[0])
    np.testing.assert_allclose(force, (xi.T @ (xi @ xi[0]) - 3 * xi[0]) / 8, rtol=1e-5, atol=1e-5)


def test_attention_equals_loops(getkey, x64):
    keys, queries = np.asarray(jr.normal(getkey(), (2, 2, 3, 4)))
    tokens, beta, total = np.asarray(jr.normal(getkey(), (5, 4))), 1 / math.sqrt(3), 0.0
    for h, c in np.ndindex(2, 5):
        scores = [
            beta * np.dot(keys[h] @ tokens[b], queries[h] @ tokens[c]) for b in range(5) if b != c
        ]
        total -= math.log(sum(map(math.exp, scores))) / beta
    term = Attention("y", keys, queries)
    np.testing.assert_allclose(term.energy(jnp.asarray(tokens)), total, rtol=1e-13)


def test_forces_of_asymmetric_synapses_are_mutual(getkey, x64):
    """The force on neurons has the mean of g and its transpose; g phi alone has no energy."""
    g, phi = jr.normal(getkey(), (5, 5)), jr.normal(getkey(), (5,))
    back, on_pairs = Outer("x", "s").forces(phi, g)
    np.testing.assert_allclose(back, (g + g.T) @ phi / 2, rtol=1e-12)
    np.testing.assert_allclose(on_pairs, jnp.outer(phi, phi) / 2, rtol=1e-12)


# What is refused


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Bilinear("v", "v", jnp.eye(3)), "`interactions` .*different names.* v and v"),
        (lambda: Pairing("s", "s"), "different names"),
        (lambda: Tensor("p", PatternTensor(jnp.ones((1, 3))), other="p"), "different names"),
        (lambda: Bilinear("", "h", jnp.eye(3)), "`joins` must be names of layers, but has ''"),
        (lambda: Bilinear("v", "h", jnp.ones(3)), r"`weights` must have 2 axes, .* \(3,\)"),
        (lambda: Bilinear("v", "h", jnp.full((2, 2), jnp.nan)), "`weights` must"),
        (lambda: Convolution("v", "h", jnp.ones((2, 2))), "`kernel` must have 4 axes"),
        (lambda: Convolution("v", "h", jnp.ones((1, 1, 1, 1)), stride=0), "`stride` must"),
        (lambda: Pool("v", "h", 0), "`size` must"),
        (
            lambda: Attention("y", jnp.ones((1, 2, 3)), jnp.ones((1, 2, 4))),
            r"`queries` .*\(1, 2, 3",
        ),
        (lambda: Attention("y", *jnp.ones((2, 1, 2, 3)), beta=0.0), "`beta` must"),
        (lambda: Setwise("y", [], []), "`sets` must hold at least one array"),
        (lambda: Setwise("y", [[[0, 0, 1]]], [np.ones(1)]), "`sets` must hold different units"),
        (lambda: Setwise("y", [[[0, -1]]], [np.ones(1)]), "`sets` must hold different units"),
        (
            lambda: Setwise("y", [[[0.0, 1.0]]], [np.ones(1)]),
            "`sets` must hold arrays of whole numbers",
        ),
        (lambda: Setwise("y", [[[0, 1]]], [np.ones(2)]), r"`weights` must hold \[1\] numbers"),
        (lambda: Dense("y", jnp.ones((2, 3)), strength=0.0), "`strength` must"),
        (lambda: Prediction("x", "y", jnp.ones((2, 3)), jnp.ones(3)), r"`bias` .*\(2,\).*\(3,\)"),
        (lambda: Anchor("y", jnp.ones(3), mask=jnp.ones(2, bool)), r"`mask` .*\(3,\).*\(2,\)"),
        (lambda: Tensor("p", jnp.eye(3)), "`tensor` must be a process tensor"),
    ],
)
def test_wrong_arguments_are_refused_in_one_sentence(make, sentence):
    # Where annotations are checked, a wrong type is told by them.
    with pytest.raises(REFUSED, match=f"{sentence}|Type-check") as error:
        make()
    if error.type is ValueError:
        assert str(error.value).count("\n") == 0


def test_an_interaction_that_states_no_forces_has_those_of_its_energy(getkey):
    """A class of a user needs an energy, a check and a degree."""

    class Third(AbstractInteraction):
        joins: tuple[str, ...] = eqx.field(static=True)

        def energy(self, *activations):
            return jnp.sum(activations[0] ** 3)

        def check(self, *shapes):
            pass

        def degree(self, *free):
            return 3 * sum(free)

    y = jr.normal(getkey(), (4,))
    np.testing.assert_allclose(Third(("y",)).forces(y)[0], -3 * y**2, rtol=1e-6)
    assert Third(("y",)).growth(True) == 3
