"""Every similarity with every separation: each similarity is computed once, and shared."""

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from nam_jax import memory
from nam_jax._types import Pattern, Patterns
from nam_jax.experiment.compare._labelled_images import Queries, filled
from nam_jax.memory import AbstractSimilarity, AbstractWeighting, unit_range

HALF_LEVEL = 0.5 / 255
"""Half a grey level: answers with no larger error are the image itself."""

CHUNK = 1000
"""Queries at a time: with K = 10,000 their similarities take 40 MB."""

FEW = 512
"""Stored rows that are looked at first: most wrong answers are nearer to one of them."""


class Grid(NamedTuple):
    """What came of each query, for S similarities and W separations.

    Attributes:
        right: (S, W, Q), whether the target is the stored row nearest to the answer.
        exact: (S, W, Q), whether every pixel of the answer is right to half a grey level.
        squares: (S, W, Q), mean squared error of a pixel.
    """

    right: Bool[np.ndarray, "S W Q"]
    exact: Bool[np.ndarray, "S W Q"]
    squares: Float[np.ndarray, "S W Q"]


class _Asked(NamedTuple):
    """The targets: places, (Q,), rows, (Q, N), and a squared distance within which each is nearest.

    That is a quarter of the squared distance from the target to the nearest other stored row: an
    answer nearer than half way is nearer to it than to any other. Less a little, for rounding.
    """

    places: Int[Array, " Q"]
    rows: Queries
    room: Float[Array, " Q"]


class _Stored(NamedTuple):
    """The memory: rows; rows and a column of ones; halves of the rows' squared lengths."""

    rows: Patterns
    extended: Float[Array, "K N+1"]
    halves: Float[Array, " K"]


def grid(
    rows: Patterns,
    targets: Int[Array, " Q"],
    queries: Queries,
    similarities: Sequence[AbstractSimilarity],
    weightings: Sequence[AbstractWeighting],
) -> Grid:
    """Judges every similarity with every weighting on the same queries.

    Right is judged by the nearest stored row and not by a distance, which would count the mean
    image as a success: many images are near to it.

    Args:
        rows: The memory, (K, N), of which no two rows are alike.
        targets: (Q,), the row of which each query was made.
        queries: (Q, N); NaN marks what is hidden. Similarities that are not `visible` see 0 there.
        similarities: S of them.
        weightings: W of them; each takes similarities that were scaled to [0, 1].
    """
    stored = _store(rows)
    parts = [
        _chunk(stored, targets[place], queries[place], similarities, weightings)
        for place in (slice(start, start + CHUNK) for start in range(0, len(queries), CHUNK))
    ]
    return Grid(*(np.concatenate(field, axis=-1) for field in zip(*parts, strict=True)))


def judge_constant(rows: Patterns, targets: Int[Array, " Q"], answer: Pattern) -> Grid:
    """The same judgement of one answer to every query, such as the mean image; S = W = 1."""
    stored = _store(rows)
    answers = jnp.broadcast_to(answer, (len(targets), rows.shape[1]))
    wrong = _another_is_nearer(answers, targets, stored)
    gaps = answers - rows[targets]
    exact, squares = jnp.max(jnp.abs(gaps), axis=1) <= HALF_LEVEL, jnp.mean(gaps**2, axis=1)
    return Grid(*(np.asarray(values)[None, None] for values in (~wrong, exact, squares)))


def each_similarity(
    rows: Patterns, queries: Queries, similarities: Sequence[AbstractSimilarity]
) -> Iterator[tuple[list[int], Float[Array, "Q K"]]]:
    """Yields every different similarity of all queries, after its places in `similarities`.

    Where all is visible, a similarity of what is visible is the plain one.
    """
    complete, plain = not bool(jnp.isnan(queries).any()), filled(queries)
    different: list[tuple[AbstractSimilarity, list[int]]] = []
    for place, similarity in enumerate(similarities):
        if complete and similarity.visible:
            similarity = dataclasses.replace(similarity, visible=False)
        places = next((at for other, at in different if eqx.tree_equal(other, similarity)), None)
        if places is None:
            different.append((similarity, [place]))
        else:
            places.append(place)
    for similarity, places in different:
        yield places, _similarities(similarity, rows, queries if similarity.visible else plain)


def _store(rows: Patterns) -> _Stored:
    ones = jnp.ones_like(rows, shape=(len(rows), 1))
    return _Stored(rows, jnp.concatenate([rows, ones], axis=1), jnp.sum(rows**2, axis=1) / 2)


def _chunk(
    stored: _Stored,
    targets: Int[Array, " Q"],
    queries: Queries,
    similarities: Sequence[AbstractSimilarity],
    weightings: Sequence[AbstractWeighting],
) -> Grid:
    asked = _asked(targets, stored)
    rows: dict[int, list[Grid]] = {}
    for places, values in each_similarity(stored.rows, queries, similarities):
        scaled = _scaled(values)
        cells = [_judged(weighting, stored, asked, scaled) for weighting in weightings]
        rows |= dict.fromkeys(places, cells)
    return Grid(
        *(
            np.array([[getattr(cell, field) for cell in rows[place]] for place in sorted(rows)])
            for field in Grid._fields
        )
    )


@eqx.filter_jit
def _similarities(
    similarity: AbstractSimilarity, rows: Patterns, queries: Queries
) -> Float[Array, "Q K"]:
    return jax.vmap(functools.partial(similarity, rows))(queries)


_scaled = jax.jit(jax.vmap(unit_range))


def _judged(
    weighting: AbstractWeighting, stored: _Stored, asked: _Asked, scaled: Float[Array, "Q K"]
) -> Grid:
    """One cell; which row is nearest to an answer is looked for only where it is not plain."""
    if isinstance(weighting, memory.TopQ):
        weighting = memory.TopQ(min(weighting.q, len(stored.rows)))
    answers, right, wrong, squares, furthest = _answered(weighting, stored, asked, scaled)
    right, unclear = np.array(right), np.flatnonzero(~np.asarray(right) & ~np.asarray(wrong))
    if len(unclear):
        # Up to the next power of two, so that few sizes are compiled.
        padded = np.resize(unclear, 2 ** int(np.ceil(np.log2(max(len(unclear), 32)))))
        nearer = _another_is_nearer(answers[padded], asked.places[padded], stored)
        right[unclear] = ~np.asarray(nearer)[: len(unclear)]
    return Grid(right, np.asarray(furthest) <= HALF_LEVEL, np.asarray(squares))


@jax.jit
def _asked(targets: Int[Array, " Q"], stored: _Stored) -> _Asked:
    rows = stored.rows[targets]
    best = jnp.max(_scores_of_others(rows, targets, stored), axis=1)
    squared = 2 * (stored.halves[targets] - best)
    return _Asked(targets, rows, 0.99 * squared / 4)


@eqx.filter_jit
def _answered(
    weighting: AbstractWeighting, stored: _Stored, asked: _Asked, scaled: Float[Array, "Q K"]
) -> tuple[Queries, Bool[Array, " Q"], Bool[Array, " Q"], Float[Array, " Q"], Float[Array, " Q"]]:
    """Answers; where they are plainly right; where they are plainly wrong; and errors."""
    weights = jax.vmap(weighting)(scaled)
    sums = weights @ stored.extended
    answers = sums[:, :-1] / sums[:, -1:]
    gaps = answers - asked.rows
    squares = jnp.sum(gaps**2, axis=1)
    few = _Stored(*(field[:FEW] for field in stored))
    own = _scores(answers, asked.rows, stored.halves[asked.places])
    right = squares < asked.room
    wrong = ~right & (jnp.max(_scores_of_others(answers, asked.places, few), axis=1) > own)
    return answers, right, wrong, squares / gaps.shape[1], jnp.max(jnp.abs(gaps), axis=1)


@jax.jit
def _another_is_nearer(
    answers: Queries, targets: Int[Array, " Q"], stored: _Stored
) -> Bool[Array, " Q"]:
    own = _scores(answers, stored.rows[targets], stored.halves[targets])
    return jnp.max(_scores_of_others(answers, targets, stored), axis=1) > own


def _scores(answers: Queries, rows: Queries, halves: Float[Array, " Q"]) -> Float[Array, " Q"]:
    """Half the squared length of an answer less half its squared distance from a row."""
    return jnp.sum(answers * rows, axis=1) - halves


def _scores_of_others(
    answers: Queries, targets: Int[Array, " Q"], stored: _Stored
) -> Float[Array, "Q K"]:
    """The scores of all rows but the target, whose own is minus infinity."""
    scores = answers @ stored.rows.T - stored.halves[None, :]
    return scores.at[jnp.arange(len(targets)), targets].set(-jnp.inf, mode="drop")
