"""Classifiers of images: memories that answer with a class, and baselines of scikit-learn."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from nam_jax import memory, solve
from nam_jax._types import Patterns
from nam_jax.experiment.compare._labelled_images import Queries, filled
from nam_jax.network import (
    AbstractFeedforwardNetwork,
    CorrelationMatrix,
    Minerva2,
    UniversalHopfield,
)

Classes = Int[np.ndarray, " T"]
Classifier = Callable[[Queries], Classes]
"""Function of queries, with NaN for hidden pixels, that returns classes."""


@eqx.filter_jit
def answers(network: AbstractFeedforwardNetwork, queries: Queries) -> Float[Array, "Q M"]:
    """Returns the answers of `network`; batches keep the memory for similarities small."""
    rows = network.stored_rows()
    size = solve.at_once(len(queries), 4 * (queries.shape[1] if rows is None else len(rows)))
    return jax.lax.map(network.respond, queries, batch_size=size)


def classifiers(
    config: Any,
    separations: Mapping[str, memory.AbstractSeparation],
    images: Patterns,
    labels: Int[Array, " K"],
) -> dict[str, Classifier]:
    """Returns all classifiers by name.

    Args:
        config: The settings `beta`, `threshold` and `ridge`.
        separations: Separation functions of dense memories, by name.
        images: (K, N), the images that the classifiers know.
        labels: Their classes.
    """
    classes = jax.nn.one_hot(labels, int(jnp.max(labels)) + 1, dtype=images.dtype)
    return (
        _linear(images, classes)
        | {name: dense(images, classes, separation) for name, separation in separations.items()}
        | _universal(images, classes, config.beta)
        | {"Minerva 2, binary": _minerva(images, classes, config.threshold)}
        | baselines(config, np.asarray(images), np.asarray(labels))
    )


def _linear(images: Patterns, classes: Float[Array, "K M"]) -> dict[str, Classifier]:
    mean = jnp.mean(images, axis=0)
    hebb = CorrelationMatrix(images, classes)
    covariance = CorrelationMatrix(
        images - mean[None, :], classes - jnp.mean(classes, axis=0)[None, :]
    )
    return {
        "hebb": lambda queries: _chosen(answers(hebb, filled(queries))),
        "covariance": lambda q: _chosen(answers(covariance, filled(q) - mean[None, :])),
    }


def dense(
    images: Patterns, classes: Float[Array, "K M"], separation: memory.AbstractSeparation
) -> Classifier:
    """Returns the classifier of a dense memory: scores y = Y^T F'(X q), largest score wins.

    The mean image is taken off the images (rows of X) and the query q; then their length is set
    to 1. A row of Y is 1 at the class of its image and 0 elsewhere.

    Args:
        images: The images that the memory stores.
        classes: Y.
        separation: The separation function F.
    """
    mean = jnp.mean(images, axis=0)

    def unit(rows: Queries) -> Queries:
        centred = rows - mean[None, :]
        sizes = jnp.linalg.norm(centred, axis=1, keepdims=True)
        return centred / jnp.where(sizes == 0, 1, sizes)

    weighting = memory.Slope(separation)
    network = UniversalHopfield(unit(images), memory.Dot(), weighting, projection=classes)
    return lambda queries: _chosen(answers(network, unit(filled(queries))))


def _universal(
    images: Patterns, classes: Float[Array, "K M"], beta: float
) -> dict[str, Classifier]:
    cubed, most, soft = memory.Polynomial(3), memory.Max(), memory.Softmax(beta)
    parts: dict[str, tuple[memory.AbstractSimilarity, memory.AbstractWeighting]] = {
        "cosine, cube": (memory.Cosine(), cubed),
        "pearson, cube": (memory.Pearson(), cubed),
        "euclid, softmax": (memory.Euclidean(), soft),
        "visible-euclid, softmax": (memory.Euclidean(visible=True), soft),
        "pearson, max": (memory.Pearson(), most),
        "visible-euclid, max": (memory.Euclidean(visible=True), most),
    }
    return {
        name: _by(UniversalHopfield(images, similarity, weighting, projection=classes))
        for name, (similarity, weighting) in parts.items()
    }


def _by(network: UniversalHopfield) -> Classifier:
    visible = network.similarity.visible
    return lambda queries: _chosen(answers(network, queries if visible else filled(queries)))


def _minerva(images: Patterns, classes: Float[Array, "K M"], threshold: float) -> Classifier:
    """Minerva 2 with traces of black and white images and classes; a probe has no class."""

    def signs(rows: Queries) -> Queries:
        return jnp.where(jnp.isnan(rows), 0, jnp.where(rows >= threshold, 1.0, -1.0))

    num = classes.shape[1]
    network = Minerva2(jnp.concatenate([signs(images), 2 * classes - 1], axis=1))

    def classify(queries: Queries) -> Classes:
        asked = jnp.zeros((len(queries), num), queries.dtype)
        probes = jnp.concatenate([signs(queries).astype(queries.dtype), asked], axis=1)
        return _chosen(answers(network, probes)[:, -num:])

    return classify


def baselines(
    config: Any, images: Float[np.ndarray, "K N"], labels: Int[np.ndarray, " K"]
) -> dict[str, Classifier]:
    """Returns the classifiers of scikit-learn by name; for them, hidden pixels are 0."""
    # scikit-learn takes a second to import, so that only this study imports it.
    from sklearn.linear_model import Ridge
    from sklearn.neighbors import KNeighborsClassifier

    classes = np.eye(labels.max() + 1)[labels]
    ridge = Ridge(alpha=config.ridge, fit_intercept=False).fit(images, classes)
    nearest = KNeighborsClassifier(1, algorithm="brute").fit(images, labels)
    logistic = logistic_regression(images, labels)
    return {
        "ridge regression": lambda queries: ridge.predict(_plain(queries)).argmax(axis=1),
        "nearest neighbour": lambda queries: np.asarray(nearest.predict(_plain(queries))),
        "logistic regression": lambda queries: np.asarray(logistic.predict(_plain(queries))),
    }


def logistic_regression(images: Float[np.ndarray, "K N"], labels: Int[np.ndarray, " K"]) -> Any:
    """Returns scikit-learn's logistic regression of labels on pixels, fitted with C = 0.1."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=0.1, max_iter=300).fit(images, labels)


def recallers(
    images: Patterns, similarities: Mapping[str, memory.AbstractSimilarity], beta: float
) -> Mapping[str, Callable[[Queries], Queries]]:
    """Returns functions by name that turn queries into the images to classify.

    The first returns the queries themselves, the others the images that a memory recalls.

    Args:
        images: (K, N), the stored images.
        similarities: Similarities by name.
        beta: Steepness of the softmax.
    """

    def recall(network: UniversalHopfield, queries: Queries) -> Queries:
        return answers(network, queries if network.similarity.visible else filled(queries))

    networks = {
        f"{name}, max": UniversalHopfield(images, similarity, memory.Max())
        for name, similarity in similarities.items()
    }
    soft = memory.Softmax(beta)
    networks["euclid, softmax"] = UniversalHopfield(images, memory.Euclidean(), soft)
    networks["visible-euclid, softmax"] = UniversalHopfield(
        images, memory.Euclidean(visible=True), soft
    )
    return {"query itself": filled} | {
        name: functools.partial(recall, network) for name, network in networks.items()
    }


def _chosen(scores: Float[Array, "T M"]) -> Classes:
    return np.asarray(jnp.argmax(scores, axis=1))


def _plain(queries: Queries) -> Float[np.ndarray, "Q N"]:
    return np.asarray(filled(queries))
