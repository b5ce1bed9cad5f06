"""The comparison on real images: are the grid, the queries, the memories and the classes right?"""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from marks import SOURCES

import nam_jax as nam
from nam_jax import memory
from nam_jax.experiment import compare
from nam_jax.experiment.common import SEPARATIONS, SIMILARITIES, WEIGHTINGS
from nam_jax.experiment.compare import _classification as classes
from nam_jax.experiment.compare import _labelled_images as labelled
from nam_jax.experiment.compare import _similarity_grid as similarity
from nam_jax.network import UniversalHopfield

CONFIG = compare.study.config()
COMPARED = SIMILARITIES.make_all(CONFIG.similarities, "similarities")
WEIGHTED = WEIGHTINGS.make_all(CONFIG.weightings, "weightings")
PARTS = list(COMPARED.values()), list(WEIGHTED.values())
DAMAGES = SimpleNamespace(hidden=0.5, clamped=(0.3, 0.5), unbiased=(1.0,))


def classifiers(config, rows, labels):
    separations = SEPARATIONS.make_all(config.class_separations, "class_separations")
    return classes.classifiers(config, separations, rows, labels)


@pytest.fixture(scope="module")
def digits():
    return labelled.labelled_images("digits", 200, 100, key=jr.key(0))


def test_normalised_weights_do_not_depend_on_unit_and_origin():
    similarities = jnp.array([0.3, -0.2, 0.9, 0.05, 0.8, 0.1])
    for weighting in WEIGHTED.values():
        normalised = memory.Normalised(weighting)
        weights = normalised(similarities)
        np.testing.assert_allclose(jnp.sum(weights), 1, rtol=1e-5)
        assert float(weights[2]) == float(jnp.max(weights)) and (weights >= 0).all()
        np.testing.assert_allclose(normalised(7 * similarities - 40), weights, rtol=1e-3, atol=1e-5)
    cubed = (similarities + 0.2) ** 3
    powers = memory.Normalised(memory.Polynomial(3))(similarities)
    np.testing.assert_allclose(powers, cubed / cubed.sum(), rtol=1e-5)
    np.testing.assert_allclose(memory.Normalised(memory.Identity())(jnp.ones(4)), 0.25)


def test_slopes_of_separations_are_weightings():
    similarities = jnp.array([0.3, -0.2, 0.9])
    rectified = memory.Slope(memory.RectifiedPower(3))(similarities)
    np.testing.assert_allclose(rectified, [0.09, 0, 0.81], rtol=1e-5)
    soft = memory.Slope(memory.LogSumExp(2.0))(similarities)
    np.testing.assert_allclose(soft, jax.nn.softmax(2 * similarities), rtol=1e-5)


@pytest.mark.parametrize("hidden", [pytest.param(False, marks=pytest.mark.slow), True])
def test_every_cell_of_the_grid_is_a_universal_network(hidden, getkey):
    """600 rows, more than are looked at first; the nearest row is found by brute force."""
    rows, targets = jr.uniform(getkey(), (600, 10)), jr.permutation(getkey(), 600)[:40]
    queries = rows[targets] + 0.1 * jr.normal(getkey(), (40, 10))
    queries = queries.at[:, 6:].set(jnp.nan) if hidden else queries
    judgement = similarity.grid(rows, targets, queries, *PARTS)
    plain = jnp.nan_to_num(queries)
    places = list(np.ndindex(judgement.right.shape[:2]))
    for s, w in places[::5]:
        kind = PARTS[0][s]
        network = UniversalHopfield(rows, kind, memory.Normalised(PARTS[1][w]))
        answers = classes.answers(network, queries if kind.visible else plain)
        gaps = np.asarray(answers)[:, None] - np.asarray(rows)[None]
        nearest = (gaps**2).sum(-1).argmin(1)
        # Rounding may decide between rows that are as near.
        assert (judgement.right[s, w] == (nearest == np.asarray(targets))).mean() > 0.97
        gaps = gaps[np.arange(40), targets]
        np.testing.assert_allclose(judgement.squares[s, w], (gaps**2).mean(1), rtol=2e-2, atol=1e-5)
        np.testing.assert_array_equal(judgement.exact[s, w], abs(gaps).max(1) <= 0.5 / 255)


def test_a_constant_answer_is_no_success_though_its_error_is_small(digits):
    rows = jnp.asarray(digits.stored)
    targets = labelled.targets_of(200, 400, key=jr.key(1))
    judgement = similarity.judge_constant(rows, targets, jnp.mean(rows, axis=0))
    assert judgement.right.mean() <= 2 / 200 and not judgement.exact.any()
    perfect = similarity.judge_constant(rows, jnp.full(3, 7), rows[7])
    assert perfect.right.all() and perfect.exact.all()


def test_ties_favour_no_place():
    """Where all rows look alike to a similarity, the first is right no more often than others."""
    targets = labelled.targets_of(50, 250, key=jr.key(0))
    np.testing.assert_array_equal(np.bincount(targets), 5)
    assert len(np.unique(labelled.targets_of(50, 50, key=jr.key(1)))) == 50
    few = labelled.targets_of(1000, 20, key=jr.key(2))
    assert int(jnp.min(few)) > 0 and len(np.unique(few)) == 20
    tied = memory.Normalised(memory.Max())(jnp.array([0.5, 1.0, 1.0]))
    np.testing.assert_array_equal(tied, [0, 0.5, 0.5])


@pytest.mark.parametrize("source", SOURCES)
def test_no_test_image_is_among_the_stored(source):
    num = (1200, 590) if source == "digits" else (10_000, 1000)
    images = labelled.labelled_images(source, *num, key=jr.key(0))
    rows = np.concatenate([images.stored, images.held_out])
    assert len(np.unique(labelled._bytes(rows))) == len(rows) == sum(num)
    assert rows.min() == 0 and rows.max() == 1
    known = nam.data.load_images(source)
    every = np.asarray(known.images).mean(-1).reshape(len(known.images), -1)
    place = int(np.flatnonzero((every == images.stored[3]).all(1))[0])
    assert int(known.labels[place]) == images.stored_labels[3]


def test_wrong_sources_are_refused():
    with pytest.raises(ValueError, match="must have at least 1800 distinct images"):
        labelled.labelled_images("digits", 1700, 100, key=jr.key(0))
    with pytest.raises(ValueError, match="must have labels, but photos has none"):
        labelled.labelled_images("photos", 5, 5, key=jr.key(0))


def test_damage_is_what_its_name_says(digits):
    rows = jnp.asarray(digits.held_out)
    kinds = labelled.damages(DAMAGES, digits.shape)
    made = {name: labelled.damaged(f, rows, key=jr.key(1)) for name, f in kinds.items()}
    half = np.asarray(made["half hidden"])
    assert np.isnan(half[:, 32:]).all() and (half[:, :32] == digits.held_out[:, :32]).all()
    for level in (0.3, 0.5):
        clamped = made[f"clamped noise {level}"]
        assert float(clamped.min()) >= 0 and float(clamped.max()) == 1
        assert float(jnp.mean(clamped)) > float(jnp.mean(rows)) + 0.1 * level
    gap = made["unbiased noise 1"] - rows
    assert abs(float(jnp.mean(gap))) < 0.05 and abs(float(jnp.std(gap)) - 1) < 0.05


def test_every_similarity_knows_a_stored_image_and_hidden_pixels_are_held(digits):
    """Clean images are classified by their own label; a dense memory is its formula."""
    rows, labels = jnp.asarray(digits.stored), jnp.asarray(digits.stored_labels)
    config = compare.study.config(class_separations=("rectified-3",))
    methods = classifiers(config, rows, labels)
    for name in ("pearson, max", "visible-euclid, max", "nearest neighbour"):
        np.testing.assert_array_equal(methods[name](rows), digits.stored_labels)
    queries = jnp.asarray(digits.held_out)
    mean = digits.stored.mean(0)

    def unit(pictures):
        return (pictures - mean) / np.linalg.norm(pictures - mean, axis=1, keepdims=True)

    scores = np.maximum(unit(digits.held_out) @ unit(digits.stored).T, 0) ** 2
    expected = (scores @ np.eye(10)[digits.stored_labels]).argmax(1)
    assert (methods["rectified-3"](queries) == expected).mean() > 0.98
    right = {name: float((f(queries) == digits.held_out_labels).mean()) for name, f in
             methods.items()}  # fmt: skip
    assert right["nearest neighbour"] > 0.85 and min(right.values()) > 0.08


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES)
def test_orderings_of_the_grid(source):
    """Tables 4.1: what is visible wins on half images, Pearson on clamped noise, dot fails."""
    images = labelled.labelled_images(source, 1000, 10, key=jr.key(0))
    rows = jnp.asarray(images.stored)
    targets = labelled.targets_of(1000, 400, key=jr.key(1))
    kinds = labelled.damages(DAMAGES, images.shape)
    judgements = {
        name: similarity.grid(
            rows, targets, labelled.damaged(damage, rows[targets], key=jr.key(2)), *PARTS
        )
        for name, damage in kinds.items()
    }
    names, separations = list(COMPARED), list(WEIGHTED)

    def right(damage, name, separation="max"):
        return judgements[damage].right[names.index(name), separations.index(separation)].mean()

    for name in ("cosine", "euclid", "manhattan"):
        assert right("half hidden", f"visible-{name}") > 0.99
        assert right("half hidden", name) < 0.65
    noisy = "clamped noise 0.5"
    others = [right(noisy, name) for name in ("dot", "cosine", "euclid", "manhattan")]
    assert right(noisy, "pearson") > max(others) + (0.02 if source == "digits" else 0.5)
    for damage in kinds:
        assert right(damage, "dot") < 0.15
        for name in names:
            best = right(damage, name)
            assert best >= right(damage, name, "softmax-100") - 0.03
            assert right(damage, name, "softmax-100") >= right(damage, name, "polynomial-10") - 0.03
            assert right(damage, name, "polynomial-10") >= right(damage, name, "identity") - 0.01
            assert right(damage, name, "identity") < 0.03
    mean = similarity.judge_constant(rows, targets, jnp.mean(rows, axis=0))
    assert mean.right.mean() < 0.005
    if source == "fashion-mnist":
        assert (mean.squares <= 50 / 784).mean() > 0.15


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES)
def test_orderings_of_classification(source):
    """Table 4.3: steeper dense memories come nearer to one neighbour; masks want to be known."""
    images = labelled.labelled_images(source, 1000, 400, key=jr.key(0))
    rows, labels = jnp.asarray(images.stored), jnp.asarray(images.stored_labels)
    queries = jnp.asarray(images.held_out)
    half = labelled.damages(DAMAGES, images.shape)["half hidden"]
    hidden = labelled.damaged(half, queries, key=jr.key(1))
    methods = classifiers(
        compare.study.config(class_separations=("rectified-2", "rectified-21")), rows, labels
    )

    def right(name, queries):
        return (methods[name](queries) == images.held_out_labels).mean()

    steep, flat = (right(f"rectified-{n}", queries) for n in (21, 2))
    assert steep > flat + 0.05 > right("hebb", queries) + 0.05
    assert abs(steep - right("nearest neighbour", queries)) < 0.06
    assert right("visible-euclid, max", hidden) > right("nearest neighbour", hidden) + 0.2
    assert right("covariance", queries) < right("ridge regression", queries)
    assert right("logistic regression", queries) > right("covariance", queries)
    if source == "fashion-mnist":
        kinds = labelled.damages(DAMAGES, images.shape)
        noisy = labelled.damaged(kinds["clamped noise 0.5"], queries, key=jr.key(2))
        assert right("pearson, max", noisy) > right("nearest neighbour", noisy) + 0.4
        assert right("ridge regression", hidden) > right("nearest neighbour", hidden) + 0.1


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES)
def test_recall_before_classification_helps_where_it_knows_what_is_hidden(source):
    images = labelled.labelled_images(source, 1000, 10, key=jr.key(0))
    rows, labels = jnp.asarray(images.stored), images.stored_labels
    targets = labelled.targets_of(1000, 300, key=jr.key(1))
    half = labelled.damages(DAMAGES, images.shape)["half hidden"]
    hidden = labelled.damaged(half, rows[targets], key=jr.key(2))
    logistic = classes.logistic_regression(np.asarray(rows), np.asarray(labels))
    right = {
        name: (logistic.predict(np.asarray(recall(hidden))) == labels[np.asarray(targets)]).mean()
        for name, recall in classes.recallers(rows, COMPARED, 0.3).items()
    }
    assert right["visible-euclid, max"] > 0.85
    assert right["visible-euclid, max"] > right["query itself"] + 0.2
    assert right["visible-euclid, max"] > right["euclid, max"] + 0.2
