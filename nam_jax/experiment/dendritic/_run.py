"""The study `dendritic`: runs its parts on networks of one setting, and tabulates the points."""

import dataclasses
from collections.abc import Callable

import numpy as np
import xarray as xr
from rich.table import Table

from nam_jax import measure, theory
from nam_jax._misc import argument_error
from nam_jax.experiment.common import attributes, in_context, tracked
from nam_jax.experiment.dendritic._bench import QUANTITIES, Bench, Points, Task, collected, column
from nam_jax.experiment.dendritic._changes import by_damage, by_inhibition, by_sparsity
from nam_jax.experiment.dendritic._config import DendriticConfig, Part
from nam_jax.experiment.dendritic._controls import by_control
from nam_jax.experiment.dendritic._design import designed, given
from nam_jax.experiment.dendritic._recall import by_cued, by_features, by_noise, by_size, raster
from nam_jax.experiment.dendritic._scaling import LEVEL, NOTE, Largest, capacity, circuits, largest
from nam_jax.experiment.dendritic._trials import Follow
from nam_jax.record import Context, reading_input
from nam_jax.theory.dendritic import Circuit

FAST = {
    "num_memory": 200,
    "num_feature": 2000,
    "num_inhibitory": (100, 200),
    "num_branches": 100,
    "size": 2,
    "sizes": (1, 2, 3, 4, 5, 6),
    "noise": (0.0, 20.0, 40.0, 60.0, 80.0, 120.0),
    "connectivities": (0.5,),
    "inhibition": (2.0, 5.0, 50.0),
    "damage": (0.0, 0.1, 0.3),
    "shares": (0.0, 0.5, 0.7, 1.0),
    "scaling_memory": (100, 200, 400),
    "scaling_feature": (1000, 2000, 4000),
    "scaling_branches": (50, 100, 200),
    "scaling_joint": (),
    "scaling_simulated": 400_000,
    "num_networks": 4,
    "num_trials": 8,
    "time": 200.0,
}
"""The settings that `fast` replaces."""

AXES = {
    "size": ("k", "neurons of a memory k", "1"),
    "noise": ("width", "largest noise of a feature", "Hz"),
    "sparsity": ("k", "neurons of a memory k", "1"),
    "controls": ("k", "neurons of a memory k", "1"),
    "inhibition": ("tau", "time constant of inhibition", "ms"),
    "partial": ("cued", "members cued at E1", "1"),
    "features": ("share", "share of the last member's features in the cue", "1"),
    "damage": ("strength", "share lost, or relative spread of weights", "1"),
}
"""The quantity that each part varies: coordinate, name and unit."""


@in_context(batched=False)
def run(config: DendriticConfig, context: Context) -> xr.Dataset:
    """Builds networks and returns measurements of their recall.

    Args:
        config: Settings of the run.
        context: Folder, device and progress bar of the run.

    Returns:
        For each part except `raster` and `scaling`, variables PART_QUANTITY over (PART_line,
        PART_x); `QUANTITIES` lists the quantities. Variables `raster_*` hold one trial in time,
        `scaling_*` the largest memories, and `capacity` the logarithm of the number of attractors,
        which are not independent patterns.

    Raises:
        ConfigError: If there are more branches than memory neurons, a memory has more neurons than
            there are, or thresholds are out of order.
    """
    if config.fast:
        config = dataclasses.replace(config, **FAST)
    with reading_input():
        bench = _bench(config)
        points = _scaling_points(config, bench) if "scaling" in config.parts else []
    tasks = [task for part in config.parts if part in AXES for task in _tasks(part, config, bench)]
    done = [task.run() for task in tracked(tasks, "recalling", context)]
    dataset = _dataset(config, bench, collected(tasks, done))
    if "raster" in config.parts:
        dataset = dataset.merge(raster(bench, 20.0))
    if "scaling" in config.parts:
        dataset = dataset.merge(_scaling(config, bench, points, context))
    return dataset.assign_attrs(attributes(config) | {"note": NOTE, "criterion": _criterion(bench)})


def _criterion(bench: Bench) -> str:
    """When a memory counts as recalled, and a size of memories as held, as a phrase."""
    return (
        f"Strict recall after {bench.how.time:g} ms in steps of {bench.how.step:g} ms; a size k is "
        f"held if {LEVEL:.0%} of the memories are recalled. Intervals are over "
        f"{bench.num_networks} networks."
    )


def _bench(config: DendriticConfig) -> Bench:
    most = config.num_memory
    for name, size in {
        "num_branches": config.num_branches,
        "size": config.size,
        "sizes": max(config.sizes),
    }.items():
        if size > most:
            raise argument_error(name, f"be at most `num_memory`, {most}", size)
    circuit = Circuit(
        config.num_memory, config.num_feature, *config.num_inhibitory, config.num_branches,
        config.connectivity,
    )  # fmt: skip
    if config.thresholds is None:
        thresholds = designed(circuit, config.size)
    else:
        thresholds = given(circuit, config.thresholds)
    how = Follow(config.time, config.step)
    return Bench(
        circuit, thresholds, config.size, config.num_networks, config.num_trials, how, config.seed
    )


def _tasks(part: Part, config: DendriticConfig, bench: Bench) -> list[Task]:
    makers: dict[str, Callable[[], list[Task]]] = {
        "size": lambda: by_size(bench, config.sizes),
        "noise": lambda: by_noise(bench, config.noise),
        "sparsity": lambda: by_sparsity(bench, config.connectivities, config.sizes),
        "controls": lambda: by_control(bench, config.sizes),
        "inhibition": lambda: by_inhibition(bench, config.inhibition),
        "partial": lambda: by_cued(bench),
        "features": lambda: by_features(bench, config.shares),
        "damage": lambda: by_damage(bench, config.damage),
    }
    return makers[part]()


def _dataset(config: DendriticConfig, bench: Bench, points: Points) -> xr.Dataset:
    rates = [
        float(theory.dendritic.recalled_rate(bench.circuit, bench.thresholds, k))
        for k in config.sizes
    ]
    dataset = xr.Dataset(
        {
            "thresholds": ("threshold", [float(threshold) for threshold in bench.thresholds]),
            "predicted_rate": ("k", rates, {"units": "Hz"}),
        },
        coords={"threshold": list(bench.thresholds._fields), "k": list(config.sizes)},
    )
    for part, lines in points.items():
        _, text, units = AXES[part]
        x = np.array(sorted({value for line in lines.values() for value in line}), float)
        dims = (f"{part}_line", f"{part}_x")
        dataset.coords[dims[0]] = list(lines)
        dataset.coords[dims[1]] = (dims[1], x, {"long_name": text, "units": units})
        for quantity, (meaning, unit) in QUANTITIES.items():
            attrs = {"long_name": meaning, "units": unit}
            dataset[f"{part}_{quantity}"] = (dims, column(lines, x, quantity), attrs)
    if "size" in points:
        dataset = dataset.merge(_capacity(config, dataset))
    return dataset


def _capacity(config: DendriticConfig, dataset: xr.Dataset) -> xr.Dataset:
    """log10 of the number of attractors of up to k neurons.

    It needs the rate of every size from 1 to k: with sizes 1, 2 and 4 it is given for k = 1 and 2.
    """
    line = dataset.isel(size_line=0)
    counted = [k for index, k in enumerate(sorted(config.sizes)) if k == index + 1]
    values = {
        bound: [
            capacity(config.num_memory, line[f"size_{name}"].values[:k].tolist()) for k in counted
        ]
        for bound, name in (("value", "strict"), ("low", "strict_low"), ("high", "strict_high"))
    }
    attrs = {"long_name": "log10 of sum_k beta_k binom(N1, k)", "units": "1", "note": NOTE}
    data = (("bound", "up_to"), list(values.values()), attrs)
    return xr.Dataset({"capacity": data}, coords={"bound": list(values), "up_to": counted})


def _scaling_points(config: DendriticConfig, bench: Bench) -> list[tuple[str, Circuit]]:
    """The circuits of part `scaling`, each with the name of the size that was changed."""
    for memory, feature, branches in config.scaling_joint:
        if branches > memory:
            triple = (memory, feature, branches)
            raise argument_error("scaling_joint", "have no D above N1", triple)
    points = circuits(
        bench.circuit, config.scaling_memory, config.scaling_feature, config.scaling_branches,
        config.scaling_joint,
    )  # fmt: skip
    if not points:
        requirement = "leave out `scaling` if no field `scaling_...` holds a size with D up to N1"
        raise argument_error("parts", requirement, "it")
    return points


def _scaling(
    config: DendriticConfig, bench: Bench, points: list[tuple[str, Circuit]], context: Context
) -> xr.Dataset:
    known: dict[Circuit, Largest] = {}
    for _, circuit in tracked(points, "scaling", context):
        small = circuit.num_memory * circuit.num_feature <= config.scaling_simulated
        if circuit not in known:
            known[circuit] = largest(bench, circuit, simulate=bool(small))
    names = {"num_memory": "N1", "num_feature": "N2", "num_branches": "D"}
    columns: dict[str, tuple[str, list[int] | list[float]]] = {
        f"scaling_{short}": ("setting", [int(getattr(circuit, name)) for _, circuit in points])
        for name, short in names.items()
    }
    for field in Largest._fields:
        values = [float(getattr(known[circuit], field)) for _, circuit in points]
        columns[f"scaling_{field}"] = ("setting", values)
    return xr.Dataset(columns | {"scaling_varied": ("setting", [name for name, _ in points])})


def table(dataset: xr.Dataset) -> Table:
    """One row for each point: strict recall with its interval, theory, and rates of members."""
    result = Table(
        title="Recall by the dendritic memory",
        caption=f"{dataset.attrs['criterion']} {dataset.attrs['note']}",
    )
    for name in ("part", "line", "at", "strict [95 %]", "theory", "separable", "members (Hz)"):
        result.add_column(name)
    for part in AXES:
        if f"{part}_strict" in dataset:
            _rows(result, dataset, part)
    if "capacity" in dataset:
        value, low, high = dataset.capacity.isel(up_to=-1).values
        span = f"10^{value:.2f} [{low:.2f}, {high:.2f}]"
        result.add_row("capacity", "sum_k beta_k binom(N1, k)", "", span, "", "", "")
    for index in range(dataset.sizes.get("setting", 0)):
        row = dataset.isel(setting=index)
        n1, n2, d = (int(row[f"scaling_{short}"]) for short in ("N1", "N2", "D"))
        sizes = [float(row[f"scaling_{field}"]) for field in ("measured", "low", "high")]
        text = "" if np.isnan(sizes[0]) else "k = {:.2f} [{:.2f}, {:.2f}]".format(*sizes)
        predicted = f"k = {float(row.scaling_predicted):.2f}"
        result.add_row("scaling", f"N1, N2, D = {n1}, {n2}, {d}", "", text, predicted, "", "")
    return result


def _rows(result: Table, dataset: xr.Dataset, part: str) -> None:
    x, units = dataset[f"{part}_x"], dataset[f"{part}_x"].attrs["units"]
    for line in dataset[f"{part}_line"].values:
        for value in x.values:
            point = dataset.sel({f"{part}_line": line, f"{part}_x": value})
            number = {name: float(point[f"{part}_{name}"]) for name in QUANTITIES}
            if np.isnan(number["trials"]):
                continue
            bounds = (number["strict"], number["strict_low"], number["strict_high"])
            theory = "" if np.isnan(number["predicted"]) else f"{number['predicted']:.3f}"
            result.add_row(
                part, str(line), f"{value:g}{'' if units == '1' else ' ' + units}",
                str(measure.Rate(*bounds, int(number["trials"]))), theory,
                f"{number['separable']:.3f}",
                f"{number['cued']:.1f} ({number['cued_lowest']:.0f} to "
                f"{number['cued_highest']:.0f})",
            )  # fmt: skip
