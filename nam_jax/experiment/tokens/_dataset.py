"""The numbers of the study `tokens`, and its table."""

from typing import NamedTuple

import numpy as np
import xarray as xr
from rich.table import Table

from nam_jax.experiment.common import over_seeds
from nam_jax.experiment.tokens._config import TokensConfig

SHOWN = 8
"""Pictures."""
TABLED = (1, 2, 3, 8, 16, 40)
"""Numbers of steps that the table shows."""


class Tested(NamedTuple):
    """Tests of one trained network; steps are counted from 0.

    Attributes:
        errors: Squared error of hidden pixels, (tested, steps).
        energies: E, (tested, steps).
        rises: Share of steps that raise E, one for each length of step.
        losses: Of training.
        pictures: Completions of some images, (images, steps, 64).
    """

    errors: np.ndarray
    energies: np.ndarray
    rises: np.ndarray
    losses: np.ndarray
    pictures: np.ndarray


def dataset(
    config: TokensConfig,
    images: np.ndarray,
    masks: np.ndarray,
    tests: dict[str, list[Tested]],
    simple: dict[str, np.ndarray],
) -> xr.Dataset:
    """Returns all numbers by name.

    Args:
        config: The settings.
        images: The tested images, each as often as it has masks.
        masks: Their hidden pixels.
        tests: Of each trained network, by name and seed.
        simple: Squared errors of the methods that are not trained.
    """
    by_image = (config.num_test, config.num_masks)
    errors = np.array([[test.errors for test in runs] for runs in tests.values()])
    *kinds, _, steps = errors.shape
    errors = errors.reshape(*kinds, *by_image, steps).mean(axis=3)
    at_trained = errors[..., config.block_steps]
    by_seed = at_trained.mean(axis=-1)
    plain = np.array([values.reshape(by_image).mean(axis=1) for values in simple.values()])
    # Seeds share the tested images, so that the mean over seeds has one error an image.
    rows = np.concatenate([at_trained.mean(axis=1), plain])
    first = slice(None, None, config.num_masks)
    block = tests["energy block"][0]
    cues = np.where(masks, np.nan, images)[first][:SHOWN]
    unit = {"long_name": "squared error of hidden pixels", "units": "1"}
    result = xr.Dataset(
        {
            "squared_error": (("model", "bound"), _with_errors(rows), unit),
            "more_than_block": (("model", "bound"), _with_errors(rows - rows[:1]), unit),
            "by_seed": (("trained", "run", "bound"), _with_errors(at_trained), unit),
            "over_seeds": (("trained", "end"), over_seeds(by_seed.T), unit),
            "more_over_seeds": (("trained", "end"), over_seeds((by_seed - by_seed[:1]).T), unit),
            "by_step": (
                ("trained", "bound", "step"),
                np.moveaxis(_with_errors(np.moveaxis(errors.mean(axis=1), 1, 2)), 2, 1),
                unit,
            ),
            "energy": (
                ("trained", "run", "step"),
                np.array([[t.energies.mean(axis=0) for t in runs] for runs in tests.values()]),
                {"long_name": "energy", "units": "1"},
            ),
            "rises": (
                ("trained", "run", "step_size"),
                np.array([[t.rises for t in runs] for runs in tests.values()]),
                {"long_name": "steps that raise the energy", "units": "1"},
            ),
            "loss": (
                ("trained", "run", "training_step"),
                np.array([[t.losses for t in runs] for runs in tests.values()]),
                unit,
            ),
            "original": (("example", "row", "column"), images[first][:SHOWN].reshape(-1, 8, 8)),
            "cue": (("example", "row", "column"), cues.reshape(-1, 8, 8)),
            "completion": (
                ("example", "step", "row", "column"),
                block.pictures.reshape(*block.pictures.shape[:2], 8, 8),
            ),
        },
        coords={
            "model": [*tests, *simple],
            "trained": list(tests),
            "bound": ["value", "error"],
            "end": ["value", "low", "high"],
            "step": np.arange(steps),
            "step_size": list(config.step_sizes),
        },
    )
    result["step"].attrs = {"long_name": "steps of the block", "units": "1"}
    return result


def _with_errors(by_image: np.ndarray) -> np.ndarray:
    """Returns mean and standard error over the last axis, stacked as a last axis."""
    error = by_image.std(axis=-1, ddof=1) / np.sqrt(by_image.shape[-1])
    return np.stack([by_image.mean(axis=-1), error], axis=-1)


def table(dataset: xr.Dataset) -> Table:
    """Returns a table of squared errors, and of errors of the block by number of steps."""
    title = "Squared error of hidden pixels, mean +- standard error over images"
    steps = int(dataset.attrs["trained_steps"])
    caption = f"{int(dataset.attrs['training'])} steps of training through {steps} steps"
    result = Table(title=title, caption=caption)
    for name in ("model", "error", "over seeds [95 %]", "more than the block", "over seeds [95 %]"):
        result.add_column(name, justify="left" if name == "model" else "right")
    for name in dataset.model.values:
        row = dataset.sel(model=name)
        seeds = more_seeds = ""
        if name in dataset.trained.values:
            runs = dataset.sel(trained=name)
            seeds, more_seeds = _interval(runs.over_seeds), _interval(runs.more_over_seeds)
        cells = [_text(row.squared_error), seeds, _text(row.more_than_block), more_seeds]
        result.add_row(str(name), *(cells if name != "energy block" else cells[:2]))
    for name in dataset.trained.values:
        result.add_section()
        for step in (step for step in TABLED if step in dataset.step.values):
            values = dataset.by_step.sel(trained=name, step=step)
            result.add_row(f"{name}, after {step} steps", _text(values))
        for a in dataset.step_size.values:
            share = float(dataset.rises.sel(trained=name, step_size=a).mean("run"))
            result.add_row(f"{name}, steps of {a:g} that raise E", f"{share:.4f}")
    return result


def _text(values: xr.DataArray) -> str:
    value, error = values.values.tolist()
    return f"{value:.4f} +- {error:.4f}"


def _interval(values: xr.DataArray) -> str:
    value, low, high = values.values.tolist()
    return f"{value:.4f} [{low:.4f}, {high:.4f}]"
