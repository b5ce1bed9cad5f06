"""The study `lesion`: recall while calcium exchange is cut or modulated in five ways."""

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import xarray as xr
from jaxtyping import Array, Float
from rich.table import Table

from nam_jax import measure, memory
from nam_jax._types import Key, Patterns, Scalar
from nam_jax.experiment.common import (
    Recalls,
    attributes,
    in_context,
    key_of_seed,
    random_problem,
    recall_all,
    recall_from_starts,
    tracked,
)
from nam_jax.experiment.lesion._config import LesionConfig
from nam_jax.experiment.lesion._hindered import (
    Subject,
    Sweep,
    as_many_as_within,
    cut_fluxes,
    dense,
    isolate_processes,
    joined,
    with_tone,
    within,
)
from nam_jax.network import Cold, Drive, EffectiveNeuronAstrocyte, NeuronAstrocyte
from nam_jax.record import Context


class Point(NamedTuple):
    """Recalls of one point of a sweep, (sets, cues), and the certificate's margin of each set."""

    recalls: Recalls
    margin: Float[Array, " sets"]


COORDINATES = {
    "cut": ("fluxes or processes cut", "fraction"),
    "radius": ("radius of exchange along branches", "µm"),
    "tone": ("astrocyte tone d", "dimensionless"),
    "coupling": ("gap-junction coupling g", "dimensionless"),
}
SWEEPS = {
    "fluxes": "single fluxes cut at random",
    "fluxes_released": "single fluxes cut at random, released parameters",
    "processes": "processes isolated at random",
    "distance": "exchange within a radius along the branches",
    "distance_control": "as many fluxes kept as within the radius, at random",
    "tone": "constant input to every process",
    "gap_junctions": "two astrocytes joined by gap junctions",
}
_QUANTITIES = {
    "rate": "rate of exact recall by an active network",
    "low": "lower end of the rate's interval over sets (95 %)",
    "high": "upper end of the rate's interval over sets (95 %)",
    "trials": "recalls from which the rate stems",
    "overlap": "mean overlap of the read-out's signs with the stored pattern",
    "known": "fraction of recalls that end in an active network",
    "margin": "smallest margin of the certificate over the sets",
}


@in_context(batched=False)
def run(config: LesionConfig, context: Context) -> xr.Dataset:
    """Recalls from damaged cues while calcium exchange is cut or modulated in five ways.

    Certified networks recall by their effective network. If a lesion makes the margin of the
    certificate 0 or less, all three layers are integrated instead, from silent synapses and
    processes.

    Args:
        config: Settings of the run.
        context: Folder, device and progress bar of the run.

    Returns:
        For each sweep in `SWEEPS`, variables `<sweep>_<quantity>`: recall rate with interval and
        trials, overlap, fraction of active networks, and margin, along the sweep's strength; and
        `kept_share`, the share of pairs of processes within each radius.
    """
    of_subjects, of_lesions = jr.split(key_of_seed(config.seed))
    subjects = _subjects(config, key=of_subjects)
    sweeps = _sweeps(config)
    keys = dict(zip(sweeps, jr.split(of_lesions, len(sweeps)), strict=True))
    places = [(name, place) for name, sweep in sweeps.items() for place in range(len(sweep.values))]
    points: dict[str, list[Point]] = {name: [] for name in sweeps}
    for name, place in tracked(places, "recalling", context):
        value = jnp.asarray(sweeps[name].values[place], float)
        key = jr.fold_in(keys[name], place)
        points[name].append(_point(config, sweeps[name], subjects, value, key=key))
    return _dataset(config, sweeps, points, subjects)


def table(dataset: xr.Dataset) -> Table:
    """Recall at both ends of each sweep, and the strengths with recall below one half."""
    result = Table(title="Recall with hindered calcium exchange")
    for name in ("sweep", "strengths", "recall at both ends", "best", "below 1/2 at"):
        result.add_column(name)
    for name, text in SWEEPS.items():
        rate = dataset[f"{name}_rate"]
        strengths = dataset[rate.dims[0]].values
        ends = [_rate_at(dataset, name, place) for place in (0, -1)]
        lost = ", ".join(f"{value:g}" for value in strengths[rate.values < 0.5]) or "none"
        span = f"{rate.dims[0]} {strengths[0]:g} to {strengths[-1]:g}"
        result.add_row(text, span, f"{ends[0]} to {ends[1]}", f"{float(rate.max()):.3f}", lost)
    return result


def _rate_at(dataset: xr.Dataset, name: str, place: int) -> measure.Rate:
    parts = ("rate", "low", "high", "trials")
    value, low, high, trials = (float(dataset[f"{name}_{part}"].values[place]) for part in parts)
    return measure.Rate(value, low, high, int(trials))


def _subjects(config: LesionConfig, *, key: Key) -> Subject:
    size, sets = config.num_neurons, config.num_sets

    @eqx.filter_vmap
    def remembering(patterns: Patterns) -> NeuronAstrocyte:
        margin, gain = jnp.asarray(config.margin, float), jnp.asarray(config.gain, float)
        return NeuronAstrocyte.certified(patterns, margin=margin, gain=gain)

    of_problems, of_growth = jr.split(key)
    what = config.num_patterns, size, config.level, config.num_cues
    problems = [random_problem(*what, key=own) for own in jr.split(of_problems, sets)]
    problem = jax.tree.map(lambda *leaves: jnp.stack(leaves), *problems)
    network = remembering(problem.patterns)
    grown = [memory.grow_astrocyte(size, key=own) for own in jr.split(of_growth, sets)]
    morphology = jax.tree.map(lambda *leaves: jnp.stack(leaves), *grown)
    territory = jnp.stack([astrocyte.halves() for astrocyte in grown])
    return Subject(network, morphology, territory, problem)


def _sweeps(config: LesionConfig) -> dict[str, Sweep]:
    """The sweeps, by the names in `SWEEPS`."""
    return {
        "fluxes": Sweep("cut", config.cuts, cut_fluxes),
        "fluxes_released": Sweep("cut", config.cuts, cut_fluxes, released=True),
        "processes": Sweep("cut", config.cuts, isolate_processes),
        "distance": Sweep("radius", config.radii, within),
        "distance_control": Sweep("radius", config.radii, as_many_as_within),
        "tone": Sweep("tone", config.tones, lambda subject, *_: subject.network.tensor, with_tone),
        "gap_junctions": Sweep("coupling", config.couplings, joined),
    }


def _point(
    config: LesionConfig, sweep: Sweep, subjects: Subject, value: Scalar, *, key: Key
) -> Point:
    """All recalls of one point; by the effective network for sets whose network is certified."""
    if sweep.released:
        released = eqx.filter_vmap(NeuronAstrocyte.released)(subjects.problem.patterns)
        subjects = eqx.tree_at(lambda one: one.network, subjects, released)
    harmed = _harmed(sweep.lesion, subjects, value, jr.split(key, config.num_sets))
    if sweep.released:
        return jax.device_get(_recall(harmed, None, effective=False))
    drive = sweep.drive(value)
    reduced = jax.device_get(_recall(harmed, drive, effective=True))
    if (reduced.margin > 0).all():
        return reduced
    cold = Cold(subjects.network.start.voltage)
    harmed = eqx.tree_at(lambda one: one.network.start, harmed, cold)
    full = _recall(harmed, drive, effective=False, max_time=config.end_time)

    def chosen(effective: np.ndarray, full: Array) -> np.ndarray:
        return np.where((reduced.margin > 0)[:, None], effective, full)

    return Point(jax.tree.map(chosen, reduced.recalls, full.recalls), reduced.margin)


@eqx.filter_jit
def _harmed(lesion: Callable, subjects: Subject, value: Scalar, keys: Array) -> Subject:
    """`subjects` after the lesion, with dense tensors."""

    def one(subject: Subject, key: Key) -> Subject:
        tensor = dense(lesion(subject, value, key))
        return eqx.tree_at(lambda one: one.network.tensor, subject, tensor)

    return eqx.filter_vmap(one)(subjects, keys)


@eqx.filter_jit
def _recall(
    subjects: Subject, drive: Drive | None, *, effective: bool, max_time: float = float("inf")
) -> Point:
    """Recalls of all sets at once.

    Args:
        subjects: The networks and cues of all sets.
        drive: Constant inputs.
        effective: Whether to recall by the effective networks. Their recalls mean nothing for sets
            with a margin of 0 or less.
        max_time: Time after which the recall of a full network gives up.
    """

    def one(subject: Subject) -> Point:
        network, (_, targets, cues) = subject.network, subject.problem
        margin = network.margin()
        if effective:
            reduced = EffectiveNeuronAstrocyte.from_full(network, drive=drive)
            return Point(recall_all(reduced, cues, targets), margin)
        recalls = recall_from_starts(network, cues, targets, drive=drive, max_time=max_time)
        return Point(recalls, margin)

    return eqx.filter_vmap(one)(subjects)


def _numbers(point: Point) -> dict[str, float]:
    """The quantities of one point. A recall that ends in a silent network is not exact."""
    recalls = point.recalls
    rate = measure.rate(recalls.exact & recalls.known, by_set=True)
    return dict(zip(("rate", "low", "high", "trials"), rate, strict=True)) | {
        "overlap": float(recalls.overlap.mean()),
        "known": float(recalls.known.mean()),
        "margin": float(point.margin.min()),
    }


def _dataset(
    config: LesionConfig,
    sweeps: dict[str, Sweep],
    points: dict[str, list[Point]],
    subjects: Subject,
) -> xr.Dataset:
    coords = {
        sweep.coordinate: (sweep.coordinate, list(sweep.values), _attrs(sweep.coordinate))
        for sweep in sweeps.values()
    }
    dataset = xr.Dataset(coords=coords, attrs=attributes(config))
    for name, sweep in sweeps.items():
        numbers = [_numbers(point) for point in points[name]]
        for quantity, text in _QUANTITIES.items():
            column = [row[quantity] for row in numbers]
            attrs = {"units": "1", "long_name": f"{SWEEPS[name]}: {text}"}
            dataset[f"{name}_{quantity}"] = (sweep.coordinate, column, attrs)
    shares = [
        float(np.mean(np.asarray(subjects.morphology.distances) <= radius))
        for radius in config.radii
    ]
    text = "share of pairs of processes within the radius, mean over the sets"
    dataset["kept_share"] = ("radius", shares, {"units": "1", "long_name": text})
    return dataset


def _attrs(coordinate: str) -> dict[str, str]:
    text, units = COORDINATES[coordinate]
    return {"long_name": text, "units": units}
