"""Times the comparison on real images against similarities alone and scikit-learn's search."""

import functools
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Int
from sklearn.neighbors import KNeighborsClassifier

from benchmarks._report import Line, Report
from benchmarks._timing import interleaved, milliseconds, spread
from nam_jax import memory
from nam_jax._types import Patterns
from nam_jax.experiment import common
from nam_jax.experiment.compare import _classification as classes
from nam_jax.experiment.compare import _labelled_images as labelled
from nam_jax.experiment.compare import _similarity_grid as grid
from nam_jax.experiment.compare._config import CompareConfig
from nam_jax.solve import at_once, batches

STORED, QUERIES, TESTS, POWER = 10_000, 1000, 10_000, 41
SIMILARITIES = common.SIMILARITIES.make_all(CompareConfig().similarities, "similarities")
WEIGHTINGS = common.WEIGHTINGS.make_all(CompareConfig().weightings, "weightings")
AIM = 2.0
FEWEST = 3
"""Number of rounds; one round of the grid takes a minute or more."""
NOTE = (
    "Grid: 8 similarities x 7 separations x 4 kinds of damage, K = 10,000, 1,000 queries of "
    "Fashion-MNIST; every answer is compared with all stored images. Similarities alone: the 8 "
    "similarities, computed once for each kind of damage. Classes: 10,000 new images are "
    "classified by a dense memory (rectified power, n = 41) of 10,000 labelled images, and by "
    "scikit-learn's 1-NN (brute force), with the share of right classes. If Fashion-MNIST is not "
    "installed, images are uniform random numbers and shares have no meaning. Medians [quartiles]."
)


def run(repeats: int) -> Report:
    """Runs both comparisons; code and baseline take turns."""
    images = _images()
    rounds = min(FEWEST, repeats)
    rows, lines = [], []
    for what, ours, against, theirs, more in (_grid(images), _classes(images)):
        seconds = interleaved({"ours": ours, "theirs": theirs}, rounds)
        ratio = spread(seconds["ours"] / seconds["theirs"])
        mine, other = (milliseconds(seconds[name]) for name in ("ours", "theirs"))
        text = f"{against}, {other} ms" + (f"; {more}" if more else "")
        lines.append(
            Line(what, f"{mine} ms", text, str(ratio), f"at most {AIM:g}", ratio.median <= AIM)
        )
        rows.append((what, mine, other, str(ratio), more))
    columns = ("problem", "ours (ms)", "baseline (ms)", "ratio", "right classes")
    return Report("Real images", NOTE, columns, rows, lines)


def _images() -> labelled.LabelledImages:
    try:
        return labelled.labelled_images("fashion-mnist", STORED, TESTS, key=jr.key(0))
    except FileNotFoundError:
        made = np.random.default_rng(0)
        rows = made.random((STORED + TESTS, 784), np.float32)
        names = made.integers(0, 10, STORED + TESTS)
        return labelled.LabelledImages(
            rows[:STORED], names[:STORED], rows[STORED:], names[STORED:], (28, 28)
        )


def _grid(images: labelled.LabelledImages):
    rows = jnp.asarray(images.stored)
    targets = labelled.targets_of(STORED, QUERIES, key=jr.key(1))
    settings = SimpleNamespace(hidden=0.5, clamped=(0.3, 0.5), unbiased=(1.0,))
    queries = [
        labelled.damaged(damage, rows[targets], key=jr.key(2))
        for damage in labelled.damages(settings, images.shape).values()
    ]
    return (
        "grid of 8 similarities, 7 separations and 4 kinds of damage, K = 10,000, 1,000 queries",
        functools.partial(_whole, rows, targets, queries),
        "similarities alone",
        functools.partial(_similarities, rows, queries),
        "",
    )


def _whole(rows: Patterns, targets: Int[Array, " Q"], queries: list[Patterns]) -> list:
    parts = list(SIMILARITIES.values()), list(WEIGHTINGS.values())
    return [grid.grid(rows, targets, damaged, *parts) for damaged in queries]


def _similarities(rows: Patterns, queries: list[Patterns]) -> None:
    """Computes all similarities one after another, in the batches of `grid`, to hold as little."""
    for damaged in queries:
        for index in batches(len(damaged), at_once(len(damaged), 4 * len(rows))):
            for _, values in grid.each_similarity(
                rows, damaged[index], list(SIMILARITIES.values())
            ):
                jax.block_until_ready(values)


def _classes(images: labelled.LabelledImages):
    rows, queries = jnp.asarray(images.stored), jnp.asarray(images.held_out)
    known = jax.nn.one_hot(jnp.asarray(images.stored_labels), 10, dtype=rows.dtype)
    ours = classes.dense(rows, known, memory.RectifiedPower(POWER))
    nearest = KNeighborsClassifier(1, algorithm="brute").fit(images.stored, images.stored_labels)
    shares = [
        float(np.mean(predicted == images.held_out_labels))
        for predicted in (ours(queries), nearest.predict(images.held_out))
    ]
    return (
        "classes of 10,000 images by a dense memory of 10,000, n = 41",
        lambda: ours(queries),
        "scikit-learn's 1-NN, brute force",
        lambda: nearest.predict(images.held_out),
        f"right {shares[0]:.3f}, {shares[1]:.3f}",
    )
