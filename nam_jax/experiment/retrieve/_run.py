"""Stores images in an astrocyte's process tensor and recalls them from damaged cues (Figure 2)."""

import time
from typing import Any, cast

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import xarray as xr
from einops import rearrange
from jaxtyping import Array, Float
from rich.table import Table

from nam_jax import measure, solve
from nam_jax._types import Key, Pattern, Patterns
from nam_jax.experiment.common import attributes, counted, in_context, key_of_seed, result_variable
from nam_jax.experiment.retrieve._choices import SOLVERS, build_network
from nam_jax.experiment.retrieve._config import RetrieveConfig
from nam_jax.experiment.retrieve._problem import Problem, decoded, make_problem
from nam_jax.network import NeuronAstrocyte
from nam_jax.record import ConfigError, Context, reading_input

NUM_SHOWN = 40
"""Number of entries of each layer whose activation is saved during each recall."""


class LayerSample(solve.AbstractObservable):
    """Activations of a few neurons, synapses and processes, as rows (3, M).

    Attributes:
        rows: (M,) neuron indices i.
        columns: (M,) neuron indices j; synapse and process ij are saved.
    """

    rows: Array
    columns: Array

    def __call__(self, network: Any, t: Array, state: Any, drive: Any) -> Float[Array, "layer M"]:
        phi, g, psi = network.activations(state)
        return jnp.stack([phi[self.rows], g[self.rows, self.columns], psi[self.rows, self.columns]])


@in_context(batched=True)
def run(config: RetrieveConfig, context: Context) -> xr.Dataset:
    """Stores K images, damages each and recalls it by integrating all three layers.

    Args:
        config: The settings.
        context: Where and how to run the study.

    Returns:
        Images, patterns, cues and recalled patterns; energy, overlap and activity at each time of
        each recall; activations of some neurons, synapses and processes; the certificate.

    Raises:
        ConfigError: If the source does not exist, has too few images or images that do not suit the
            codec, if the level is out of range, or if `step` is None and the solver has no error
            estimate.
    """
    adaptive = isinstance(SOLVERS[config.solver], dfx.AbstractAdaptiveSolver)
    if config.step is None and not adaptive:
        raise ConfigError(
            f"Argument `step` must be given: {config.solver} has no error estimate to adapt it by."
        )
    with jax.enable_x64(config.dtype == "float64"):
        keys = jr.split(key_of_seed(config.seed), 3)
        with reading_input():
            problem = make_problem(config, key=keys[0])
        network = build_network(config, problem.patterns)
        problem = problem.first(config.num_recalled)
        recalls, seconds = _recall_all(config, network, problem, context, key=keys[1])
        recalled_images = decoded(problem.codec, jnp.sign(recalls["pattern"]))
        dataset = _dataset(config, problem, recalls, recalled_images)
        certificate = measure.certificate(network)
    numbers = {name: np.asarray(value).item() for name, value in vars(certificate).items()}
    dataset.attrs |= attributes(config) | numbers | {"seconds": seconds}
    return dataset


def table(dataset: xr.Dataset) -> Table:
    """Returns a table that sums up the run in a few lines."""
    exact = measure.rate(dataset.exact.values)
    ends = dataset.overlap.isel(time=[0, -1]).mean("sample").values
    energy_rise = float(dataset.energy_rise.max())
    size = dataset.sizes
    certified = "holds" if dataset.attrs["certified"] else "does not hold"
    at_rest = int((dataset.result == solve.OUTCOMES.index("converged")).sum())
    rows = {
        "patterns K, neurons N": f"{size['sample']}, {size['neuron']}",
        "exact recalls": f"{int(dataset.exact.sum())} of {size['sample']}, rate {exact} (95 %)",
        "mean overlap with the stored pattern": f"{ends[0]:.3f} in the cue, {ends[1]:.3f} recalled",
        "mean wrong bits": f"{float(dataset.bit_error.mean()):.2%} after recall",
        "mean |overlap| of two stored patterns": f"{dataset.attrs['pattern_overlap']:.3f}",
        "came to rest": f"{at_rest} of {size['sample']}",
        "largest relative energy rise": f"{energy_rise:.1e}",
        "certificate": f"{certified}, margin {dataset.attrs['margin']:.3g}",
        "time of all recalls": f"{dataset.attrs['seconds']:.1f} s on {dataset.attrs['device']}",
    }
    result = Table(title="Recall from damaged cues", show_header=False)
    for name, text in rows.items():
        result.add_row(name, text)
    return result


def _recall_all(
    config: RetrieveConfig,
    network: NeuronAstrocyte,
    problem: Problem,
    context: Context,
    *,
    key: Key,
) -> tuple[dict[str, np.ndarray], float]:
    """Returns the observables of every recall, and the seconds taken."""
    rows, columns = jr.randint(key, (2, NUM_SHOWN), 0, network.tensor.num_neurons)
    begun = time.perf_counter()
    with counted(len(problem.cues), "recalling", context) as progress:
        recalls = solve.retrieve_all(
            network,
            problem.cues,
            how=solve.Flow(
                solver=SOLVERS[config.solver], rtol=config.rtol, atol=config.atol,
                step=config.step, rest=config.rest, max_time=config.end_time,
                max_steps=config.max_steps,
            ),
            times=config.num_times,
            save={
                "energy": solve.Energy(),
                "activity": solve.Activity(),
                "overlap": solve.Overlap(problem.patterns),
                "layers": LayerSample(rows, columns),
            },
            batch=context.batch or "auto",
            progress=progress,
        )  # fmt: skip
        numbers = jax.device_get(_numbers(recalls, problem.patterns))
    return numbers, time.perf_counter() - begun


@eqx.filter_jit
def _numbers(recalls: solve.Retrieval, patterns: Patterns) -> dict[str, Array]:
    """Returns the quantities of the Dataset, with a leading axis of recalls."""

    def of_one(recall: solve.Retrieval, pattern: Pattern, index: Array) -> dict[str, Array]:
        path = recall.observables
        return path | {
            "overlap": path["overlap"][:, index],
            "pattern": recall.pattern,
            "exact": measure.exact_recall(recall.pattern, pattern),
            "bit_error": measure.bit_error(recall.pattern, pattern),
            "energy_rise": measure.largest_energy_rise(path["energy"]),
            "steps": recall.steps,
            "stop_time": recall.time,
            "result": solve.outcome(recall.result),
        }

    times, recalls = recalls.ts, eqx.tree_at(lambda r: r.ts, recalls, None)
    numbers = jax.vmap(of_one)(recalls, patterns, jnp.arange(len(patterns)))
    return numbers | {"time": cast(Array, times)}


_CURVES = {
    "energy": ("energy", "dimensionless"),
    "overlap": ("overlap of the read-out with the stored pattern", "1"),
    "activity": ("mean |read-out|", "1"),
}
_NUMBERS = {
    "exact": "every bit recalled",
    "bit_error": "fraction of wrong bits after recall",
    "energy_rise": "largest rise of energy between saved times, relative to the largest |energy|",
    "steps": "solver steps",
    "stop_time": "time at which recall ended, in time constants",
}


def _dataset(
    config: RetrieveConfig,
    problem: Problem,
    recalls: dict[str, np.ndarray],
    recalled_images: Float[Array, "K H W C"],
) -> xr.Dataset:
    image = ("sample", "row", "column", "channel")
    damaged = decoded(problem.codec, problem.cues)
    dataset = xr.Dataset(
        {
            "original": (image, problem.images, {"units": "intensity in [0, 1]"}),
            "damaged": (image, damaged, {"units": "intensity in [0, 1]"}),
            "recalled": (image, recalled_images, {"units": "intensity in [0, 1]"}),
            "stored_pattern": (("sample", "neuron"), problem.patterns, {"units": "1"}),
            "cue": (("sample", "neuron"), problem.cues, {"units": "1"}),
            "recalled_pattern": (("sample", "neuron"), recalls["pattern"], {"units": "1"}),
            "activation": (
                ("layer", "sample", "time", "entry"),
                rearrange(recalls["layers"], "k t layer m -> layer k t m"),
                {"units": "1", "long_name": "phi, g and psi of some entries"},
            ),
        },
        coords={
            "time": ("time", recalls["time"], {"units": "time constants"}),
            "layer": ["neurons", "synapses", "processes"],
        },
    )
    for name, (text, units) in _CURVES.items():
        attrs = {"long_name": text, "units": units}
        dataset[name] = (("sample", "time"), recalls[name], attrs)
    for name, text in _NUMBERS.items():
        dataset[name] = ("sample", recalls[name], {"long_name": text, "units": "1"})
    dataset["result"] = result_variable("sample", recalls["result"])
    overlaps = problem.patterns @ problem.patterns.T / problem.patterns.shape[1]
    apart = np.asarray(overlaps)[~np.eye(len(overlaps), dtype=bool)]
    dataset.attrs = {
        "images": list(problem.names),
        "pattern_overlap": float(np.abs(apart).mean()) if apart.size else 0.0,
    }
    return dataset
