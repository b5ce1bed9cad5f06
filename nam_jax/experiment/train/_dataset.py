"""The Dataset of the training experiment."""

from typing import NamedTuple

import numpy as np
import xarray as xr
from jaxtyping import Bool, Float

from nam_jax import measure
from nam_jax import train as training
from nam_jax.experiment.train._inpainting import Inpainting
from nam_jax.experiment.train._recall import DAMAGES, Outcomes

EXAMPLES = 6
"""Images that are drawn."""

ONE = {"units": "1"}


class Load(NamedTuple):
    """Results at one K: recalls of each method, the training and its margin, recalls to draw."""

    outcomes: dict[str, Outcomes]
    fit: training.Fit
    margin: float
    pictures: dict[str, Float[np.ndarray, "examples N"]]


def dataset(
    loads: dict[int, Load],
    inpainted: Inpainting,
    held_out: Float[np.ndarray, "M N"],
    occluded: Bool[np.ndarray, " N"],
    shape: tuple[int, int],
) -> xr.Dataset:
    """Returns the Dataset of the study.

    Args:
        loads: Results by number K of stored images.
        inpainted: Results of inpainting.
        held_out: The images that were completed.
        occluded: Whether each pixel is hidden.
        shape: Numbers of rows and columns of an image.
    """
    parts = [
        _recalled(loads),
        _trained(loads, inpainted),
        _inpainted(inpainted, held_out, occluded),
        _pictures(list(loads.values())[-1], inpainted, held_out, occluded, shape),
    ]
    return xr.merge(parts, join="exact", combine_attrs="drop")


def _recalled(loads: dict[int, Load]) -> xr.Dataset:
    methods = list(next(iter(loads.values())).outcomes)
    rows = [[load.outcomes[method] for load in loads.values()] for method in methods]
    rates = np.array(
        [[[measure.rate(exact)[:3] for exact in outcome.exact] for outcome in row] for row in rows]
    )
    dims = ("memory", "stored", "damage")
    named = ONE | {"long_name": "rate of exact recall"}
    return xr.Dataset(
        {
            "exact": (dims, rates[..., 0], named),
            "exact_low": (dims, rates[..., 1], ONE),
            "exact_high": (dims, rates[..., 2], ONE),
            "setting": (dims, np.array([[outcome.settings for outcome in row] for row in rows])),
        },
        coords={
            "memory": methods,
            "stored": ("stored", list(loads), {"long_name": "stored images K"}),
            "damage": list(DAMAGES),
        },
    )


def _trained(loads: dict[int, Load], inpainted: Inpainting) -> xr.Dataset:
    """Losses, endings and margins of all trainings; a loss after an early end is NaN."""
    runs = {f"recall, K = {stored}": (load.fit, load.margin) for stored, load in loads.items()}
    runs["inpainting"] = (inpainted.fit, inpainted.margin)
    histories = [fit.dataset()[["loss", "failed"]].astype(float) for fit, _ in runs.values()]
    endings = [history.attrs["result"] for history in histories]
    joined = xr.concat(histories, "run", join="outer", combine_attrs="drop")
    joined["failed"].attrs["long_name"] = "samples left out"
    joined["margin"] = "run", [margin for _, margin in runs.values()], ONE
    joined["ending"] = "run", endings
    return joined.assign_coords(run=list(runs))


def _inpainted(
    inpainted: Inpainting, held_out: Float[np.ndarray, "M N"], occluded: Bool[np.ndarray, " N"]
) -> xr.Dataset:
    """Errors over hidden pixels: means over images with normal intervals."""
    target = held_out[:, occluded]
    rows = [readout[:, occluded] for readout in inpainted.readouts.values()]
    squares = np.array([((row - target) ** 2).mean(axis=1) for row in rows])
    wrong = np.array([(np.sign(row) != target).mean(axis=1) for row in rows])

    def with_interval(errors: Float[np.ndarray, "m M"]) -> Float[np.ndarray, "m 3"]:
        mean, half = errors.mean(1), 1.96 * errors.std(1, ddof=1) / errors.shape[1] ** 0.5
        return np.stack([mean, mean - half, mean + half], axis=1)

    dims = ("inpainter", "bound")
    return xr.Dataset(
        {
            "squared_error": (dims, with_interval(squares), ONE),
            "bit_error": (dims, with_interval(wrong), ONE),
        },
        coords={"inpainter": list(inpainted.readouts), "bound": ["value", "low", "high"]},
    )


def _pictures(
    load: Load,
    inpainted: Inpainting,
    held_out: Float[np.ndarray, "M N"],
    occluded: Bool[np.ndarray, " N"],
    shape: tuple[int, int],
) -> xr.Dataset:
    """Recalls at the last K, and completed images."""
    painted = {"cue": np.where(occluded, 0, held_out)} | inpainted.readouts | {"original": held_out}

    def stacked(rows: dict[str, Float[np.ndarray, "M N"]]) -> Float[np.ndarray, "p e h w"]:
        return np.stack([row[:EXAMPLES].reshape(-1, *shape) for row in rows.values()])

    recalls, paintings = stacked(load.pictures), stacked(painted)
    place = ("row", "column")
    return xr.Dataset(
        {
            "recalls": (("picture", "sample", *place), recalls, ONE),
            "paintings": (("painting", "held_out_sample", *place), paintings, ONE),
        },
        coords={"picture": list(load.pictures), "painting": list(painted)},
    )
