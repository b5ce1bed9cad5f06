"""Judges every similarity with every weighting; each similarity is computed only once."""

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from nam_jax import memory, solve
from nam_jax._types import Pattern, Patterns
from nam_jax.experiment.compare._labelled_images import Queries, filled
from nam_jax.memory import AbstractSimilarity, AbstractWeighting, unit_range

HALF_LEVEL = 0.5 / 255
"""Half a grey level: an answer whose error is at most this counts as exact."""

FEW = 512
"""Stored rows that are compared first: most wrong answers are nearer to one of them than to the
target, and then the other rows need not be compared."""


class Grid(NamedTuple):
    """The result of each query, for S similarities and W weightings.

    Attributes:
        right: (S, W, Q), whether the target is the stored row nearest to the answer.
        exact: (S, W, Q), whether every pixel of the answer is right to half a grey level.
        squares: (S, W, Q), mean squared error of a pixel.
    """

    right: Bool[np.ndarray, "S W Q"]
    exact: Bool[np.ndarray, "S W Q"]
    squares: Float[np.ndarray, "S W Q"]


class _Asked(NamedTuple):
    """The targets of the queries.

    For example, if the nearest other row is at a distance of 2 from the target, an answer within a
    distance of 1 of the target is nearer to the target than to any other row; `room` is then
    0.99 * 1, slightly less than the square of 1 to allow for rounding.

    Attributes:
        places: (Q,), the index of each target in the stored rows.
        rows: (Q, N), the targets.
        room: (Q,), squared distance from the target below which the target is surely nearest.
    """

    places: Int[Array, " Q"]
    rows: Queries
    room: Float[Array, " Q"]


class _Stored(NamedTuple):
    """The stored rows, the rows with a column of ones, and half of each row's squared length."""

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

    An answer is right if the target is the nearest stored row. A limit on the distance would not
    do: many images are near to the mean image, which would count as right.

    Args:
        rows: The stored rows, (K, N), which all differ.
        targets: (Q,), the index of the row that each query is made of.
        queries: (Q, N); NaN marks hidden pixels. Similarities that are not `visible` see 0 there.
        similarities: The S similarities.
        weightings: The W weightings; each takes similarities that were scaled to [0, 1].
    """
    stored = _store(rows)
    num = len(queries)
    parts = [
        _chunk(stored, targets[index], queries[index], similarities, weightings)
        for index in solve.batches(num, solve.at_once(num, 4 * len(rows)))
    ]
    fields = zip(*parts, strict=True)
    return Grid(*(np.concatenate(field, axis=-1)[..., :num] for field in fields))


def judge_constant(rows: Patterns, targets: Int[Array, " Q"], answer: Pattern) -> Grid:
    """Judges one answer to all queries, such as the mean image, as `grid` does; S = W = 1.

    Args:
        rows: The stored rows, (K, N).
        targets: (Q,), the index of the row that each query is made of.
        answer: (N,), the answer.
    """
    stored = _store(rows)
    answers = jnp.broadcast_to(answer, (len(targets), rows.shape[1]))
    wrong = _another_is_nearer(answers, targets, stored)
    gaps = answers - rows[targets]
    exact, squares = jnp.max(jnp.abs(gaps), axis=1) <= HALF_LEVEL, jnp.mean(gaps**2, axis=1)
    return Grid(*(np.asarray(values)[None, None] for values in (~wrong, exact, squares)))


def each_similarity(
    rows: Patterns, queries: Queries, similarities: Sequence[AbstractSimilarity]
) -> Iterator[tuple[list[int], Float[Array, "Q K"]]]:
    """Yields the values of each different similarity, (Q, K), and its places in `similarities`.

    If no pixel is hidden, a similarity of visible pixels equals the plain one, and both are yielded
    together.

    Args:
        rows: The stored rows, (K, N).
        queries: (Q, N); NaN marks hidden pixels.
        similarities: The similarities, some of which may be equal.
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
    """Judges one weighting of one similarity.

    Most answers are judged by two quick tests: within `room` of the target an answer is right, and
    nearer to one of the first `FEW` rows than to the target it is wrong. Only the other answers are
    compared with all rows.
    """
    if isinstance(weighting, memory.TopQ):
        weighting = memory.TopQ(min(weighting.q, len(stored.rows)))
    answers, right, wrong, squares, furthest = _answered(weighting, stored, asked, scaled)
    right, unclear = np.array(right), np.flatnonzero(~np.asarray(right) & ~np.asarray(wrong))
    if len(unclear):
        # Filled up to the next power of two, so that few sizes are compiled.
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
    """Answers; whether each is surely right; surely wrong; mean squared and largest error."""
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
    """Score a.r - |r|^2 / 2 of a row r for an answer a; the nearest row has the largest score."""
    return jnp.sum(answers * rows, axis=1) - halves


def _scores_of_others(
    answers: Queries, targets: Int[Array, " Q"], stored: _Stored
) -> Float[Array, "Q K"]:
    """The scores of all rows, with minus infinity for the target."""
    scores = answers @ stored.rows.T - stored.halves[None, :]
    return scores.at[jnp.arange(len(targets)), targets].set(-jnp.inf, mode="drop")
