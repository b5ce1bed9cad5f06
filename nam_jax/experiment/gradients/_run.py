"""The study `gradients`: compares gradient routes with finite differences."""

import itertools
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import xarray as xr
from rich.table import Table

from nam_jax import data, solve
from nam_jax.experiment.common import (
    attributes,
    in_context,
    key_of_seed,
    progress_bar,
    result_variable,
)
from nam_jax.experiment.gradients._config import GradientsConfig
from nam_jax.experiment.gradients._reference import Reference, critical_leak, reference
from nam_jax.experiment.gradients._routes import (
    ROUTE_NAMES,
    Cost,
    compile_all,
    cost_of,
    nudged,
    single,
    truncated,
)
from nam_jax.network import NeuronAstrocyte
from nam_jax.record import Context
from nam_jax.train import Sample


def quick(config: GradientsConfig) -> GradientsConfig:
    """`config` with fewer networks and settings if it says `fast`, else `config` itself."""
    if not config.fast:
        return config

    def some(values: tuple) -> tuple:
        return (*values[: -1 : max(1, len(values) // 2)], values[-1])[-3:]

    return replace(
        config,
        num_neurons=config.num_neurons[:1],
        num_patterns=config.num_patterns[:1],
        margins=config.margins[-1:],
        distances=some(config.distances),
        nudges=config.nudges[1:4] or config.nudges,
        steps=config.steps[-2:],
        rounds=min(config.rounds, 3),
    )


@in_context(batched=False)
def run(config: GradientsConfig, context: Context) -> xr.Dataset:
    """Compares every route with finite differences, on every network.

    Routes have their defaults and float32; nudges and numbers of steps are compared in float64.
    Recall starts from the pattern itself, because gradients at rest do not depend on the cue, and
    near the critical leak a damaged cue would leave the basin.

    Args:
        config: Settings of the run.
        context: Folder, device and progress bar of the run.

    Returns:
        1 - cosine, ratio of norms and relative error against finite differences, by network,
        distance and route; temporary memory and time of each route. For the first network, in
        float64: these errors by nudge and by number of steps, and their order in the nudge.
    """
    config = quick(config)
    cases = list(itertools.product(config.num_neurons, config.num_patterns, config.margins))
    total = len(cases) * len(config.distances)
    judged, costs, settings, programs = [], {}, [], {}
    with progress_bar(context) as bar:
        task = bar.add_task("judging", total=total)
        for case, distance in itertools.product(cases, config.distances):
            network, sample, truth = problem(config, case, distance)
            with jax.enable_x64(False):
                halved, shown = jax.tree.map(_single, (network, sample))
                size = case[:2]
                if size not in programs:
                    programs[size] = compile_all(halved, shown)
                    costs[size] = cost_of(programs[size], halved, shown, config.rounds)
                judged.append((truth, *single(programs[size], halved, shown, truth)))
            if case == cases[0]:
                with jax.enable_x64(True):
                    by_nudge = nudged(network, sample, truth, config.nudges)
                    settings.append((*by_nudge, truncated(network, sample, truth, config.steps)))
            bar.advance(task)
    return _dataset(config, judged, costs, settings)


def _single(leaf: Any) -> Any:
    return jnp.asarray(leaf, jnp.float32) if isinstance(leaf, jax.Array | np.ndarray) else leaf


def problem(
    config: GradientsConfig, case: tuple[int, int, float], distance: float
) -> tuple[NeuronAstrocyte, Sample, Reference]:
    """A network at a distance from its critical leak, its cue and target, and the reference.

    Args:
        config: Settings of the run.
        case: N, K and the margin of the certificate.
        distance: Relative distance from the critical leak.
    """
    size, count, margin = case
    of_patterns, of_directions = jr.split(key_of_seed(config.seed))
    with jax.enable_x64(False):
        drawn = np.asarray(data.random_patterns(count, size, key=of_patterns))
    with jax.enable_x64(True):
        patterns = jnp.asarray(drawn, jnp.float64)
        leak = critical_leak(patterns, jnp.asarray(margin))
        network = NeuronAstrocyte.certified(
            patterns, margin=jnp.asarray(margin), gain=(1 - distance) * leak
        )
        sample = Sample(patterns[0], patterns[0])
        truth = reference(network, sample, distance, config.num_directions, key=of_directions)
    return network, sample, truth


def _dataset(
    config: GradientsConfig, judged: list[Any], costs: dict[Any, Cost], settings: list[Any]
) -> xr.Dataset:
    sizes = (len(config.num_neurons), len(config.num_patterns))
    full = (*sizes, len(config.margins), len(config.distances))
    where = ("neurons", "stored", "margin", "distance")
    truths, judgements, outcomes = zip(*judged, strict=True)
    one = {"units": "1"}
    variables: dict[str, Any] = {
        name: (where, np.reshape([getattr(truth, field) for truth in truths], full), one)
        for name, field in (
            ("reference_error", "error"),
            ("least_curvature", "least_curvature"),
            ("slope", "slope"),
        )
    }
    values = np.reshape(judgements, (*full, -1, 3))
    for index, name in enumerate(("miss", "norm_ratio", "error")):
        variables[name] = ((*where, "route"), values[..., index], one)
    places = np.reshape(outcomes, (*full, -1, 2))
    variables["result"] = result_variable((*where, "route", "stage"), places)
    for name, unit in (("memory", "B"), ("relative_memory", "1"), ("relative_time", "1")):
        values = np.reshape([getattr(cost, name) for cost in costs.values()], (*sizes, -1))
        variables[name] = (("neurons", "stored", "route"), values, {"units": unit})
    by_nudge, orders, by_step = (np.array(column) for column in zip(*settings, strict=True))
    for index, name in enumerate(("miss", "norm_ratio", "error")):
        dims = ("distance", "sides", "nudge")
        variables[f"nudged_{name}"] = (dims, by_nudge[..., index], one)
        variables[f"truncated_{name}"] = (("distance", "steps"), by_step[..., index], one)
    variables["order"] = (("distance", "sides"), orders, one | {"long_name": "order in the nudge"})
    return xr.Dataset(variables, _coordinates(config), attributes(config))


def _coordinates(config: GradientsConfig) -> dict[str, Any]:
    one = {"units": "1"}
    return {
        "neurons": ("neurons", list(config.num_neurons), {"long_name": "neurons N"}),
        "stored": ("stored", list(config.num_patterns), {"long_name": "stored patterns K"}),
        "margin": ("margin", list(config.margins), one),
        "distance": ("distance", list(config.distances), {"units": "of the critical leak"}),
        "nudge": ("nudge", list(config.nudges), {"units": "restoring force"}),
        "steps": ("steps", list(config.steps), {"units": "half time scales"}),
        "route": list(ROUTE_NAMES),
        "sides": ["one", "centred"],
        "stage": ["settle", "adjoint"],
    }


def table(dataset: xr.Dataset) -> Table:
    """Cosine, cost and outcome of every route, at the first, middle and last distance."""
    result = Table(title="Gradient routes against finite differences, float32")
    for name in ("route", "1 - cos", "norms", "memory", "time"):
        is_name = name == "route"
        result.add_column(name, justify="left" if is_name else "right", no_wrap=is_name)
    result.add_column("ended")
    last = dataset.sizes["distance"] - 1
    chosen = dataset.isel(distance=sorted({0, (last + 1) // 2, last}))
    names = ("neurons", "stored", "margin", "distance")
    for cell in itertools.product(*(chosen[name].values for name in names)):
        here = chosen.sel(dict(zip(names, cell, strict=True)))
        result.add_section()
        result.add_row(f"N = {cell[0]}, K = {cell[1]}")
        result.add_row(f"margin {cell[2]:g}, distance {cell[3]:g}")
        for route in here.route.values:
            result.add_row(*_cells(here.sel(route=route)))
    orders = "; ".join(
        f"{float(here.order.sel(sides='one')):.2f}, {float(here.order.sel(sides='centred')):.2f} "
        f"at distance {float(here.distance):g}"
        for here in (chosen.isel(distance=place) for place in range(chosen.sizes["distance"]))
    )
    result.caption = f"Order of equilibrium propagation in the nudge, one-sided, centred: {orders}."
    return result


def _cells(row: xr.Dataset) -> tuple[str, ...]:
    """The cells of a route's row; the outcome is the gradient's, or a failed settle's before it."""
    settled, solved = (solve.OUTCOMES[int(place)] for place in row.result)
    return (
        "  " + str(row.route.values).replace("_", " "),
        f"{float(row.miss):.1e}",
        f"{float(row.norm_ratio):.3g}",
        f"{float(row.relative_memory):.1f}",
        f"{float(row.relative_time):.1f}",
        (solved if settled == "converged" else settled).replace("_", " "),
    )
