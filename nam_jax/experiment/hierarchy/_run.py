"""The study `hierarchy`: stored digits completed by composed networks and by statistics."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import jax.random as jr
import numpy as np
import xarray as xr
from jaxtyping import Float
from rich.table import Table

from nam_jax import data, train
from nam_jax._types import Key, Patterns
from nam_jax.experiment.common import (
    attributes,
    cosine_adam,
    in_context,
    key_of_seed,
    over_seeds,
    tracked,
)
from nam_jax.experiment.hierarchy._config import PIXELS, HierarchyConfig
from nam_jax.experiment.hierarchy._networks import chain, convolutional, num_weights, softmax
from nam_jax.experiment.hierarchy._training import (
    Score,
    completed,
    conditional_mean,
    damaged,
    how,
    masked,
    num_unknown,
    score,
    trained,
)
from nam_jax.network import EnergyNetwork
from nam_jax.record import Context

DAMAGES = ("random", "lower")
"""Which pixels are unknown."""
RIDGES = (0.004, 0.04)
MEASURES = (*Score._fields, "rested")
EXAMPLES = 6
"""Digits that the figure shows."""


class Cues(NamedTuple):
    """Cues with one kind of damage, and the number of the right image of each."""

    samples: train.Sample
    right: np.ndarray


class Outcome(NamedTuple):
    """The measurements from one seed.

    Attributes:
        scores: By method, (damages, measures) in the order of `DAMAGES` and `MEASURES`.
        weights: Numbers of weights by network.
        losses: By trained network, the loss of each step.
        dropped: By trained network, the share of gradients that were left out.
        pictures: By method, digits with random unknown pixels, (examples, N).
    """

    scores: dict[str, Float[np.ndarray, "damages measures"]]
    weights: dict[str, int]
    losses: dict[str, Float[np.ndarray, " steps"]]
    dropped: dict[str, float]
    pictures: dict[str, Float[np.ndarray, "examples N"]]


Method = Callable[[train.Sample], tuple[Float[np.ndarray, "M N"], float]]
"""Function of cues that returns completions, and the share of recalls that came to rest."""


@in_context(batched=False)
def run(config: HierarchyConfig, context: Context) -> xr.Dataset:
    """Trains all networks from each seed, and completes the same cues by all methods.

    Args:
        config: The settings.
        context: Folder, device and progress bar of the run.

    Returns:
        Squared errors and shares of right recalls by method and damage, with 95 % intervals over
        seeds; the share of recalls that came to rest; numbers of weights; losses; the share of
        gradients that were left out; and pictures of the first seed.
    """
    settings = _quick(config) if config.fast else config
    optimizer = cosine_adam(settings.learning_rate, settings.steps)
    keys = list(jr.split(key_of_seed(settings.seed), settings.num_seeds))
    outcomes = [
        _outcome(settings, optimizer, key=key)
        for key in tracked(keys, "training and completing", context)
    ]
    return _dataset(outcomes).assign_attrs(attributes(config))


def _quick(config: HierarchyConfig) -> HierarchyConfig:
    steps = max(config.steps // 5, 1)
    return dataclasses.replace(config, num_seeds=2, steps=steps, num_masks=1)


def _networks(config: HierarchyConfig, *, key: Key) -> dict[str, EnergyNetwork]:
    """The networks before training, by the sizes of their hidden layers."""
    keys = jr.split(key, len(config.chains) + 1)
    networks = {
        "-".join(map(str, sizes)): chain(sizes, config.strength, key=own)
        for sizes, own in zip(config.chains, keys[:-1], strict=True)
    }
    if not config.fast:
        own = config.maps, config.top, config.strength
        networks["convolutional"] = convolutional(*own, key=keys[-1])
    return networks


def _outcome(config: HierarchyConfig, optimizer: Any, *, key: Key) -> Outcome:
    of_digits, of_weights, of_training, of_tests = jr.split(key, 4)
    drawn = data.load_images("digits", num_images=config.num_stored, key=of_digits).images
    images = 2 * drawn.reshape(-1, PIXELS) - 1
    tests = _tests(config, images, key=of_tests)
    networks = _networks(config, key=of_weights)
    fits = {
        name: trained(network, images, config, optimizer, key=jr.fold_in(of_training, place))
        for place, (name, network) in enumerate(networks.items())
    }
    networks["softmax, untrained"] = softmax(images, config.strength)
    recalling = networks | {name: fit.network for name, fit in fits.items()}
    methods: dict[str, Method] = {"mean image": _mean_image}
    methods |= {f"Gaussian, ridge {ridge:g}": _gaussian(images, ridge) for ridge in RIDGES}
    methods |= {name: _recall(network, config.tolerance) for name, network in recalling.items()}
    scores, pictures = {}, {}
    for name, method in methods.items():
        answers = [method(test.samples) for test in tests]
        pairs = zip(answers, tests, strict=True)
        scores[name] = np.stack([_judged(answer, test, images) for answer, test in pairs])
        pictures[name] = answers[0][0][:EXAMPLES]
    samples = tests[0].samples
    pictures["original"] = np.asarray(samples.target)[:EXAMPLES]
    unknown = np.asarray(samples.asked)[:EXAMPLES]
    pictures["cue"] = np.where(unknown, np.nan, pictures["original"])
    return Outcome(
        scores=scores,
        weights={name: num_weights(network) for name, network in networks.items()},
        losses={name: np.asarray(fit.metrics.loss, float) for name, fit in fits.items()},
        dropped={name: float(fit.metrics.failed.mean()) for name, fit in fits.items()},
        pictures=pictures,
    )


def _tests(config: HierarchyConfig, images: Patterns, *, key: Key) -> list[Cues]:
    """Every digit with random pixels unknown, several times, and once with lower rows unknown."""
    mean, count = images.mean(axis=0), num_unknown(config.hidden, PIXELS)
    numbers = np.arange(len(images))
    rows = jnp.tile(images, (config.num_masks, 1))
    lower = jnp.broadcast_to(jnp.arange(PIXELS) >= PIXELS - count, images.shape)
    return [
        Cues(damaged(rows, mean, count, key=key), np.tile(numbers, config.num_masks)),
        Cues(masked(images, mean, lower), numbers),
    ]


def _mean_image(samples: train.Sample) -> tuple[Float[np.ndarray, "M N"], float]:
    return np.asarray(samples.cue), np.nan


def _gaussian(images: Patterns, ridge: float) -> Method:
    return lambda samples: (
        conditional_mean(
            np.asarray(images), np.asarray(samples.cue), np.asarray(samples.asked), ridge
        ),
        np.nan,
    )


def _recall(network: EnergyNetwork, tolerance: float) -> Method:
    def method(samples: train.Sample) -> tuple[Float[np.ndarray, "M N"], float]:
        completions, rested = completed(network, samples, how(tolerance))
        return np.asarray(completions), float(rested.mean())

    return method


def _judged(
    answer: tuple[Float[np.ndarray, "M N"], float], test: Cues, images: Patterns
) -> Float[np.ndarray, " measures"]:
    completions, rested = answer
    unknown = np.asarray(test.samples.asked)
    return np.array([*score(completions, np.asarray(images), test.right, unknown), rested])


def _dataset(outcomes: list[Outcome]) -> xr.Dataset:
    first = outcomes[0]
    values = np.stack([np.stack(list(outcome.scores.values())) for outcome in outcomes])
    shown = {name: first.pictures[name] for name in ("original", "cue", *first.scores)}
    losses = np.stack([np.stack(list(outcome.losses.values())) for outcome in outcomes])
    dropped = np.array([list(outcome.dropped.values()) for outcome in outcomes])
    scores = over_seeds(values)
    scores[..., 1:, :] = scores[..., 1:, :].clip(0, 1)  # shares
    dataset = xr.Dataset(
        {
            "by_seed": (("seed", "memory", "damage", "measure"), values),
            "score": (("memory", "damage", "measure", "bound"), scores),
            "weights": ("memory", [first.weights.get(name, 0) for name in first.scores]),
            "loss": (("seed", "trained", "step"), losses),
            "dropped": (("trained", "bound"), over_seeds(dropped).clip(0, 1)),
            "picture": (("shown", "example", "pixel"), np.stack(list(shown.values()))),
        },
        coords={
            "memory": list(first.scores),
            "damage": list(DAMAGES),
            "measure": list(MEASURES),
            "bound": ["value", "low", "high"],
            "trained": list(first.losses),
            "step": np.arange(1, losses.shape[2] + 1),
            "shown": list(shown),
        },
    )
    dataset["loss"].attrs = {"long_name": "squared error of an unknown pixel", "units": "1"}
    return dataset


def table(dataset: xr.Dataset) -> Table:
    """Squared errors and recalls by method and damage, and how often networks came to rest."""
    title = "Digits with unknown pixels: squared error, and recall by unknown (all) pixels [95 %]"
    result = Table(title=title)
    for name in ("", "weights", *(f"{d}: {m}" for d in DAMAGES for m in ("error", "recall"))):
        result.add_column(name, justify="right" if name else "left")
    for name in ("at rest", "gradients left out"):
        result.add_column(name, justify="right")
    for name in dataset.memory.values:
        row = dataset.sel(memory=name)
        cells = [str(int(row.weights)) if row.weights else "-"]
        for damage in DAMAGES:
            here = row.score.sel(damage=damage)
            whole = float(here.sel(measure="whole", bound="value"))
            cells += [_text(here.sel(measure="error"), 3)]
            cells += [f"{_text(here.sel(measure='recall'), 2)} ({whole:.2f})"]
        rested = row.score.sel(measure="rested", damage=DAMAGES[0])
        cells += [_text(rested, 2) if row.weights else "-"]
        is_trained = name in dataset.trained.values
        cells += [_text(dataset.dropped.sel(trained=name), 4) if is_trained else "-"]
        result.add_row(str(name), *cells)
    return result


def _text(values: xr.DataArray, digits: int) -> str:
    value, low, high = values.values.tolist()
    return f"{value:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"
