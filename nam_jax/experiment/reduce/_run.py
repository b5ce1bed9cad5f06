"""The study `reduce`: recalls equal cues with a network and with each of its reductions (rungs)."""

import numpy as np
import xarray as xr
from rich.table import Table

from nam_jax import measure
from nam_jax._types import Patterns
from nam_jax.experiment.common import (
    attributes,
    in_context,
    key_of_seed,
    random_problem,
    released_with,
    result_variable,
    tracked,
)
from nam_jax.experiment.reduce._config import ReduceConfig
from nam_jax.network import NeuronAstrocyte
from nam_jax.record import ConfigError, Context


@in_context(batched=False)
def run(config: ReduceConfig, context: Context) -> xr.Dataset:
    """Runs `measure.reduction_report` for each network.

    Args:
        config: Settings of the run.
        context: Folder, device and progress bar of the run.

    Returns:
        Overlap, exact recall, activity and agreement by network, rung and cue; and the certificate
        of each network.

    Raises:
        ConfigError: If there is no network.
    """
    if not config.leaks and not config.margins:
        raise ConfigError("Argument `leaks` or `margins` must hold a number, but both are empty.")
    problem = random_problem(
        config.num_patterns, config.num_neurons, config.level, config.num_cues,
        key=key_of_seed(config.seed),
    )  # fmt: skip
    networks = _networks(config, problem.patterns)
    reports = [
        measure.reduction_report(
            network, problem.cues, problem.targets, ratios=config.ratios, max_time=config.max_time
        )
        for network in tracked(list(networks.values()), "reducing", context)
    ]
    return _dataset(config, list(networks), reports)


def _networks(config: ReduceConfig, patterns: Patterns) -> dict[str, NeuronAstrocyte]:
    released = {
        f"released, leaks {leak:g}": released_with(patterns, leak=leak) for leak in config.leaks
    }
    certified = {
        f"certified, margin {margin:g}": NeuronAstrocyte.certified(
            patterns, margin=margin, gain=config.gain
        )
        for margin in config.margins
    }
    return released | certified


_VARIABLES = {
    "overlap": "overlap of the recalled signs with the target",
    "exact": "every bit recalled",
    "activity": "mean |read-out|",
    "agreement": "fraction of neurons with the sign they have on the rung above",
}


def _dataset(
    config: ReduceConfig, names: list[str], reports: list[measure.ReductionReport]
) -> xr.Dataset:
    dims = ("network", "rung", "sample")
    dataset = xr.Dataset(
        {
            key: (
                dims,
                np.stack([getattr(r, key) for r in reports]),
                {"long_name": text, "units": "1"},
            )
            for key, text in _VARIABLES.items()
        },
        coords={"network": names, "rung": list(reports[0].rungs)},
    )
    dataset["result"] = result_variable(dims, np.stack([r.result for r in reports]))
    dataset["defined"] = (dims[:2], np.stack([r.defined for r in reports]))
    for name in ("margin", "memory_gain", "recall_threshold", "relaxation_time"):
        values = [float(getattr(r.certificate, name)) for r in reports]
        dataset[name] = ("network", values, {"units": "1"})
    dataset.attrs = attributes(config)
    return dataset


def table(dataset: xr.Dataset) -> Table:
    """Mean overlap by rung and network, with margins; a dash if a network has no such rung."""
    result = Table(title="Mean overlap after recall, down the ladder of reductions")
    result.add_column("rung")
    for name, margin in zip(dataset.network.values, dataset.margin.values, strict=True):
        result.add_column(f"{name}\n(certificate {margin:.2g})", justify="right")
    for rung in dataset.rung.values:
        row = dataset.sel(rung=rung)
        cells = [
            f"{float(row.overlap.sel(network=name).mean()):.2f}"
            f" ({float(row.activity.sel(network=name).mean()):.2f})"
            if bool(row.defined.sel(network=name))
            else "-"
            for name in dataset.network.values
        ]
        result.add_row(str(rung), *cells)
    result.caption = "in brackets the mean activity: near 0 the network is silent"
    return result
