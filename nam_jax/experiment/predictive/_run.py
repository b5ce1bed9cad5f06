"""The study `predictive`: predictive coding networks as memories, beside other methods."""

import dataclasses
from typing import Any, NamedTuple

import jax.random as jr
import numpy as np
import xarray as xr
from jaxtyping import Float
from rich.table import Table

from nam_jax import data, theory
from nam_jax._types import Key
from nam_jax.experiment.common import attributes, in_context, key_of_seed, over_seeds, tracked
from nam_jax.experiment.predictive import _recall as recall
from nam_jax.experiment.predictive._config import PIXELS, PredictiveConfig
from nam_jax.experiment.predictive._networks import (
    hierarchical,
    learned_hierarchical,
    learned_recurrent,
)
from nam_jax.record import Context

MEASURES = ("error", "recall", "whole")
PASSES = 1000
"""Passes of the network with the pseudo-inverse."""


class Outcome(NamedTuple):
    """The measurements of one seed at one K.

    Attributes:
        scores: By method, (measures,) in the order of `MEASURES`.
        stiffness: The largest eigenvalue of (I - W)^T (I - W).
    """

    scores: dict[str, Float[np.ndarray, " measures"]]
    stiffness: float


@in_context(batched=False)
def run(config: PredictiveConfig, context: Context) -> xr.Dataset:
    """Stores digits in each memory, and completes the same cues by all methods.

    Args:
        config: The settings.
        context: Folder, device and progress bar of the run.

    Returns:
        Squared errors and shares of right recalls by method and K, with 95 % intervals over seeds,
        NaN where steps diverge; the stiffness of the implicit dynamics; and for two variables what
        both dynamics recall, beside theory.
    """
    settings = _quick(config) if config.fast else config
    keys = jr.split(key_of_seed(settings.seed), settings.num_seeds)
    cases = [(count, jr.fold_in(key, count)) for count in settings.num_stored for key in keys]
    outcomes = [
        _outcome(settings, count, key=key)
        for count, key in tracked(cases, "learning and recalling", context)
    ]
    pairs = [recall.two_variables(rho, 400, 0.2) for rho in settings.correlations]
    return _dataset(settings, outcomes, pairs).assign_attrs(attributes(config))


def _quick(config: PredictiveConfig) -> PredictiveConfig:
    epochs = max(config.hierarchical_epochs // 2, 1)
    return dataclasses.replace(config, num_seeds=2, num_masks=1, hierarchical_epochs=epochs)


def _outcome(config: PredictiveConfig, count: int, *, key: Key) -> Outcome:
    of_digits, of_cues, *of_weights = jr.split(key, 4)
    drawn = data.load_images("digits", num_images=count, key=of_digits).images
    images = drawn.reshape(-1, PIXELS)
    unknown = min(max(round(config.hidden * PIXELS), 1), PIXELS - 1)
    cues = recall.make_cues(images, unknown, config.num_masks, key=of_cues)
    recurrent = learned_recurrent(images, config.epochs, config.learning_rate)
    stiffness, implicit = recall.largest_eigenvalue(recurrent), recurrent.implicit()
    errors = np.asarray(recurrent.errors, np.float64)
    stable = recall.STEP_OF_STABILITY / stiffness
    completed: dict[str, Any] = {
        "mean image": cues.start,
        "nearest by known pixels": recall.nearest(cues),
        "pseudo-inverse Hopfield": recall.pseudo_inverse(cues, PASSES),
        "Gaussian, ridge 0.001": recall.conditional_mean(cues),
        "implicit": recall.by_network(implicit, cues, config.steps, config.step),
        "implicit, stable steps": recall.by_network(implicit, cues, config.steps, stable),
        "implicit, exact": recall.at_rest(errors.T @ errors, recurrent.mean, cues),
        "dendritic": recall.dendritic(recurrent, cues, config.steps, config.step),
        "dendritic, exact": recall.at_rest(errors, recurrent.mean, cues),
    }
    chains = (config.two_layers,), config.three_layers
    for sizes, own in zip(chains, of_weights, strict=True):
        network = learned_hierarchical(
            hierarchical((PIXELS, *sizes), key=own), images, config.hierarchical_epochs,
            config.hierarchical_rate, config.step,
        )  # fmt: skip
        name = "hierarchical " + "-".join(map(str, (PIXELS, *sizes)))
        steps = max(config.steps // 2, 1)
        completed[name] = recall.by_network(network, cues, steps, config.step)
    scores = {name: recall.judged(np.asarray(rows), cues) for name, rows in completed.items()}
    return Outcome(scores, stiffness)


def _dataset(
    config: PredictiveConfig, outcomes: list[Outcome], pairs: list[tuple[float, float]]
) -> xr.Dataset:
    shape = (len(config.num_stored), config.num_seeds)
    scores = np.stack([np.stack(list(outcome.scores.values())) for outcome in outcomes])
    by_seed = scores.reshape(*shape, *scores.shape[1:]).swapaxes(0, 1)
    means = over_seeds(by_seed)
    means[..., 1:, :] = means[..., 1:, :].clip(0, 1)  # shares
    stiffness = np.reshape([outcome.stiffness for outcome in outcomes], shape).T
    predicted = [float(theory.implicit_recall(rho)) for rho in config.correlations]
    recalled = [[*pair, exact] for pair, exact in zip(pairs, predicted, strict=True)]
    dataset = xr.Dataset(
        {
            "by_seed": (("seed", "stored", "memory", "measure"), by_seed),
            "score": (("stored", "memory", "measure", "bound"), means),
            "stiffness": (("stored", "bound"), over_seeds(stiffness)),
            "recalled": (("correlation", "dynamics"), np.reshape(recalled, (-1, 3))),
        },
        coords={
            "stored": list(config.num_stored),
            "memory": list(outcomes[0].scores),
            "measure": list(MEASURES),
            "bound": ["value", "low", "high"],
            "correlation": list(config.correlations),
            "dynamics": ["implicit", "dendritic", "implicit, theory"],
        },
    )
    dataset["stored"].attrs = {"long_name": "stored digits K", "units": "1"}
    return dataset


def table(dataset: xr.Dataset) -> Table:
    """Squared errors and recalls by method and K, the stiffness, and the two variables."""
    title = "Unknown pixels of digits: squared error; recall by unknown (all) pixels [95 %]"
    result = Table(title=title)
    result.add_column("")
    for count in dataset.stored.values:
        result.add_column(f"K = {count}: error", justify="right")
        result.add_column(f"K = {count}: recall", justify="right")
    for name in dataset.memory.values:
        rows = [dataset.score.sel(memory=name, stored=count) for count in dataset.stored.values]
        result.add_row(str(name), *(cell for row in rows for cell in _cells(row)))
    result.add_section()
    stiffness = [(_text(dataset.stiffness.sel(stored=k), 1), "") for k in dataset.stored.values]
    result.add_row("largest eigenvalue, implicit", *(cell for pair in stiffness for cell in pair))
    for correlation in dataset.correlation.values:
        row = dataset.recalled.sel(correlation=correlation)
        texts = [f"{name} {float(row.sel(dynamics=name)):.4f}" for name in dataset.dynamics.values]
        result.add_row(f"correlation {correlation:g}", "\n".join(texts))
    return result


def _cells(row: xr.DataArray) -> tuple[str, str]:
    if np.isnan(row.sel(measure="error", bound="value")):
        return "diverges", "-"
    whole = float(row.sel(measure="whole", bound="value"))
    return (
        _text(row.sel(measure="error"), 4),
        f"{_text(row.sel(measure='recall'), 2)} ({whole:.2f})",
    )


def _text(values: xr.DataArray, digits: int) -> str:
    value, low, high = values.values.tolist()
    return f"{value:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"
