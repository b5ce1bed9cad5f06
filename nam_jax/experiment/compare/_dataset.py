"""The Dataset of the comparison."""

from typing import NamedTuple

import numpy as np
import xarray as xr
from jaxtyping import Bool, Float

from nam_jax import measure
from nam_jax.experiment.common import Costs
from nam_jax.experiment.compare._config import CompareConfig
from nam_jax.experiment.compare._similarity_grid import Grid

ONE = {"units": "1"}

LENIENT = 50 / 784
"""Squared error of a pixel up to which the code of Universal Hopfield Networks counts a success."""


class BinaryCell(NamedTuple):
    """One memory at one K: whether each cue was nearly and exactly recalled, and its costs.

    `near` and `exact` have an axis of D kinds of cue and an axis of C cues.
    """

    near: Bool[np.ndarray, "D C"]
    exact: Bool[np.ndarray, "D C"]
    costs: Costs


def grid_dataset(
    config: CompareConfig, grids: dict[int, dict[str, Grid]], means: dict[int, dict[str, Grid]]
) -> xr.Dataset:
    """Returns accuracies and errors by number of images, damage, similarity and separation.

    Args:
        config: The settings.
        grids: Results by number of stored images and by damage.
        means: Results of the mean image as the answer, by number of stored images.
    """
    dims = ("stored", "damage", "similarity", "separation")
    kinds = list(next(iter(grids.values())))

    def stacked(field: str) -> np.ndarray:
        return np.array(
            [[getattr(by_damage[kind], field) for kind in kinds] for by_damage in grids.values()]
        )

    accuracy = _rates(stacked("right"))
    squares = stacked("squares")
    dataset = xr.Dataset(
        {
            "accuracy": (dims, accuracy[..., 0], ONE | {"long_name": "nearest-memory accuracy"}),
            "accuracy_low": (dims, accuracy[..., 1], ONE),
            "accuracy_high": (dims, accuracy[..., 2], ONE),
            "grid_exact": (dims, stacked("exact").mean(-1), ONE),
            "psnr": (dims, _psnr(squares.mean(-1)), {"units": "dB"}),
            "lenient": (dims, (squares <= LENIENT).mean(-1), ONE),
        },
        coords={
            "stored": ("stored", list(grids), {"long_name": "stored images K"}),
            "damage": kinds,
            "similarity": list(config.similarities),
            "separation": list(config.weightings),
        },
    )
    mean = [next(iter(by_name.values())) for by_name in means.values()]
    dataset["mean_image_accuracy"] = ("stored", [cell.right.mean() for cell in mean], ONE)
    dataset["mean_image_lenient"] = ("stored", [(e.squares <= LENIENT).mean() for e in mean], ONE)
    psnr = _psnr(np.array([cell.squares.mean() for cell in mean]))
    dataset["mean_image_psnr"] = ("stored", psnr, {"units": "dB"})
    return dataset


def _psnr(squares: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio in dB for intensities in [0, 1]; infinite if the error is 0."""
    with np.errstate(divide="ignore"):
        return -10 * np.log10(squares)


def binary_dataset(cells: dict[str, dict[int, BinaryCell]], cues: list[str]) -> xr.Dataset:
    """Returns recall by memory, number of patterns and cue; NaN where a memory was not tried.

    Args:
        cells: Results by memory and number of stored patterns.
        cues: Names of the kinds of cue.
    """
    patterns = sorted({num for row in cells.values() for num in row})
    shape = (len(cells), len(patterns), len(cues))
    near, exact = np.full((*shape, 3), np.nan), np.full((*shape, 3), np.nan)
    costs, trials = np.full((*shape[:2], 3), np.nan), np.zeros(shape[:2], int)
    for i, row in enumerate(cells.values()):
        for num, cell in row.items():
            place = i, patterns.index(num)
            near[place], exact[place] = _rates(cell.near), _rates(cell.exact)
            costs[place], trials[place] = cell.costs, cell.near.shape[1]
    dims = ("memory", "binary_stored", "binary_damage")
    dataset = xr.Dataset(
        {
            "recalled": (dims, near[..., 0], ONE | {"long_name": "recalled, overlap 0.95"}),
            "recalled_low": (dims, near[..., 1], ONE),
            "recalled_high": (dims, near[..., 2], ONE),
            "all_bits": (dims, exact[..., 0], ONE | {"long_name": "recalled exactly"}),
            "all_bits_low": (dims, exact[..., 1], ONE),
            "all_bits_high": (dims, exact[..., 2], ONE),
            "trials": (dims[:2], trials, ONE),
        },
        coords={
            "memory": list(cells),
            "binary_stored": ("binary_stored", patterns, {"long_name": "stored patterns K"}),
            "binary_damage": cues,
        },
    )
    return dataset.merge(_held(near[..., 0], costs, np.array(patterns)))


def _held(near: np.ndarray, costs: np.ndarray, patterns: np.ndarray) -> xr.Dataset:
    """The number of memories held, the largest K times share recalled, in all and per unit of cost.

    For example, shares 1 and 0.9 at K = 10 and 20 hold 18 memories; the costs are those at K = 20.
    """
    products = np.nan_to_num(near) * patterns[None, :, None]
    best = products.argmax(axis=1)
    held = np.where(np.isnan(near).all(axis=1), np.nan, products.max(axis=1))
    paid = np.take_along_axis(costs[:, :, None, :], best[:, None, :, None], axis=1)[:, 0]
    variables = {"held": (("memory", "binary_damage"), held, ONE | {"long_name": "memories held"})}
    for place, name in enumerate(("neuron", "synapse", "unit")):
        variables[f"per_{name}"] = (("memory", "binary_damage"), held / paid[..., place], ONE)
    return xr.Dataset(variables)


def class_dataset(
    classified: dict[int, dict[str, dict[str, np.ndarray]]],
    recalled: dict[str, dict[str, dict[str, np.ndarray]]],
) -> xr.Dataset:
    """Returns shares of right classes, with intervals.

    Args:
        classified: Whether the class of each test image is right, by number of known images, kind
            of query and classifier.
        recalled: Whether the class is right after recall, by origin of the images (stored or new),
            kind of query and recaller.
    """
    queries = list(next(iter(classified.values())))
    first = _by_name(classified, queries)
    second = _by_name(recalled, queries)
    dims = ("known", "class_damage", "classifier")
    others = ("origin", "class_damage", "recaller")
    return xr.Dataset(
        {
            "classified": (dims, first[..., 0], ONE | {"long_name": "right classes"}),
            "classified_low": (dims, first[..., 1], ONE),
            "classified_high": (dims, first[..., 2], ONE),
            "recall_classified": (others, second[..., 0], ONE | {"long_name": "right classes"}),
            "recall_classified_low": (others, second[..., 1], ONE),
            "recall_classified_high": (others, second[..., 2], ONE),
        },
        coords={
            "known": ("known", list(classified), {"long_name": "labelled images K"}),
            "class_damage": queries,
            "classifier": list(next(iter(classified.values()))[queries[0]]),
            "origin": list(recalled),
            "recaller": list(next(iter(recalled.values()))[queries[0]]),
        },
    )


def _by_name(outcomes: dict, queries: list[str]) -> np.ndarray:
    rows = [[_rates(np.array(list(by_query[query].values()))) for query in queries]
            for by_query in outcomes.values()]  # fmt: skip
    return np.array(rows)


def picture_dataset(
    pictures: dict[str, Float[np.ndarray, "examples N"]],
    binary: dict[str, Float[np.ndarray, "patterns M"]],
    shapes: tuple[tuple[int, int], tuple[int, int]],
) -> xr.Dataset:
    """Returns example recalls of grey and of black and white images.

    Args:
        pictures: Recalled grey images by method; a row for each kind of damage.
        binary: Recalled black and white images by method; a row for each example.
        shapes: Rows and columns of a grey image, and of a black and white one.
    """
    grey, black = (
        np.stack([rows.reshape(-1, *shape) for rows in images.values()])
        for images, shape in zip((pictures, binary), shapes, strict=True)
    )
    place = ("row", "column")
    return xr.Dataset(
        {
            "recalls": (("picture", "damage", *place), grey, ONE),
            "binary_recalls": (("binary_picture", "sample", *place), black, ONE),
        },
        coords={"picture": list(pictures), "binary_picture": list(binary)},
    )


def _rates(successes: Bool[np.ndarray, "*cells trials"]) -> Float[np.ndarray, "*cells 3"]:
    """Rates of the last axis with their 95 % Wilson intervals."""
    flat = successes.reshape(-1, successes.shape[-1])
    rates = np.array([measure.rate(trials)[:3] for trials in flat])
    return rates.reshape(*successes.shape[:-1], 3)
