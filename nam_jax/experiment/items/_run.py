"""Stores images as sets of neurons of a dendritic memory, by a learned cue map and read-out."""

import dataclasses
import itertools

import jax.numpy as jnp
import jax.random as jr
import numpy as np
import xarray as xr
from jaxtyping import Array, Float
from rich.table import Table

from nam_jax import solve
from nam_jax._misc import argument_error
from nam_jax._types import Key, Patterns
from nam_jax.experiment.common import (
    MEMORIES,
    Memory,
    attributes,
    binary_images,
    in_context,
    key_of_seed,
    recall_all,
    tracked,
)
from nam_jax.experiment.items._config import METHODS, ItemsConfig
from nam_jax.experiment.items._dataset import Load, crossing_text, dataset
from nam_jax.experiment.items._methods import Method, recalled
from nam_jax.experiment.items._problem import Bench, Items, damaged, make_bench, make_items
from nam_jax.network import DendriticMemory
from nam_jax.record import Context, reading_input


@in_context(batched=False)
def run(config: ItemsConfig, context: Context) -> xr.Dataset:
    """Stores images in several networks by every method and recalls them from damaged images.

    Args:
        config: The settings.
        context: Where and how to run the study.

    Returns:
        Rates, with intervals over networks: of finding the right set, by the
        network and without it; of recalling every pixel; of reading every pixel from the right
        set. Capacities of each network, numbers of synapses, and pictures.

    Raises:
        ConfigError: If a method is unknown, loads do not ascend, no thresholds are known for the
            sizes of the memory, or the source does not exist or has too few distinct images.
    """
    settings = _quick(config) if config.fast else config
    with reading_input():
        if any(a >= b for a, b in itertools.pairwise(settings.num_items)):
            raise argument_error("num_items", "ascend", settings.num_items)
        chosen: dict[str, Method] = METHODS.make_all(settings.methods, "methods")
        memories = MEMORIES.make_all(settings.memories, "memories")
    keys = jr.split(key_of_seed(settings.seed), settings.num_networks)
    loads: dict[tuple[int, int], Load] = {}
    cases = list(itertools.product(range(len(keys)), settings.num_items))
    prepared: tuple[Bench, Items, tuple[int, int]] | None = None
    for network, num in tracked(cases, "storing and recalling", context):
        of_problem, of_loads = jr.split(keys[network])
        if num == settings.num_items[0]:
            prepared = _prepared(settings, key=of_problem)
        assert prepared is not None
        bench, items, shape = prepared
        key = jr.fold_in(of_loads, num)
        loads[network, num] = _load(
            settings, bench, items.first(num), shape, chosen, memories, key=key
        )
    return dataset(settings, chosen, loads).assign_attrs(
        attributes(config) | {"criterion": _criterion(settings)}
    )


def _quick(config: ItemsConfig) -> ItemsConfig:
    return dataclasses.replace(
        config,
        num_items=config.num_items[::3],
        memories=config.memories[-1:],
        num_networks=2,
        steps=max(config.steps // 2, 1),
        num_cues=max(config.num_cues // 2, 2),
        num_selection=max(config.num_selection // 2, 2),
    )


def _prepared(config: ItemsConfig, *, key: Key) -> tuple[Bench, Items, tuple[int, int]]:
    """A random network, all images with their sets and settled rates, and an image's shape."""
    of_wiring, of_images, of_sets = jr.split(key, 3)
    sizes = config.num_memory, config.num_feature, config.num_branches
    with reading_input():
        base = DendriticMemory.random(*sizes, key=of_wiring)
        most = config.num_items[-1]
        images = binary_images(config.source, config.threshold, most, key=of_images)
    bench = make_bench(base, config.time, config.step)
    items = make_items(bench, images.patterns, config.num_members, key=of_sets)
    return bench, items, images.shape


def _load(
    config: ItemsConfig,
    bench: Bench,
    items: Items,
    shape: tuple[int, int],
    chosen: dict[str, Method],
    memories: dict[str, Memory],
    *,
    key: Key,
) -> Load:
    """The results of one network and one number of items; all memories get the same cues."""
    of_cues, of_methods, of_updates = jr.split(key, 3)
    targets = items.patterns[jnp.arange(config.num_cues) % len(items.patterns)]
    cues = damaged(targets, shape, config.level, config.noise, key=of_cues)
    by_method = {
        name: recalled(bench, items, method, cues, config, key=jr.fold_in(of_methods, place))
        for place, (name, method) in enumerate(chosen.items())
    }
    budgets = [
        min(_inputs(bench.base, method) for method in chosen.values()) + size
        for size in (bench.base.num_memory, bench.base.num_feature)
    ]
    # A memory with few synapses stores a random part of the images; cues ask for the others too.
    mixed = jr.permutation(jr.fold_in(of_updates, 1), items.patterns)
    others = {
        name: np.stack(
            [_recalled(memory, mixed[:most], cues, targets, of_updates) for most in budgets]
        )
        for name, memory in memories.items()
    }
    close = items.patterns[jnp.argmax(cues @ items.patterns.T, axis=-1)]
    nearest = np.asarray((close == targets[None]).all(-1))
    others["nearest image"] = np.stack([nearest, nearest])
    return Load(by_method, others, np.asarray(cues), np.asarray(targets), shape)


def _inputs(base: DendriticMemory, method: Method) -> int:
    return base.num_feature if method.to_features else base.num_memory


def _recalled(
    memory: Memory,
    patterns: Patterns,
    cues: Float[Array, "damages C P"],
    targets: Float[Array, "C P"],
    key: Key,
) -> np.ndarray:
    """Whether a memory of `patterns`, which may lack some targets, recalls each: (damages, C)."""
    network = memory.maker(key)(patterns)
    flat = cues.reshape(-1, cues.shape[-1])
    wanted = jnp.tile(targets, (cues.shape[0], 1))
    recalls = recall_all(network, flat, wanted, how=solve.Asynchronous(key))
    return np.asarray(recalls.exact).reshape(cues.shape[:2])


def _criterion(settings: ItemsConfig) -> str:
    """When a recall succeeds, and how long recalls of the network take, as a phrase."""
    return (
        f"Right in every pixel, or the right set of {settings.num_members} neurons, after "
        f"{settings.time:g} ms in steps of {settings.step:g} ms"
    )


def table(dataset: xr.Dataset) -> Table:
    """Returns a table of the numbers of images at which half of the recalls fail."""
    title = "Images K at which half of the recalls fail: mean over networks [range]"
    result = Table(title=title, caption=dataset.attrs["criterion"])
    result.add_column("memory")
    for damage in dataset.damage.values:
        result.add_column(str(damage), justify="right")
    for answer in dataset.answer.values:
        for name in dataset.memory.values:
            row = dataset.capacity.sel(memory=name, answer=answer)
            cells = [
                crossing_text(row.sel(damage=damage).values) for damage in dataset.damage.values
            ]
            result.add_row(f"{name}, every pixel, from {answer}", *cells)
        result.add_section()
    for name in dataset.rule.values:
        for decoder in dataset.decoder.values:
            row = dataset.set_capacity.sel({"rule": name, "decoder": decoder})
            cells = [
                crossing_text(row.sel(damage=damage).values) for damage in dataset.damage.values
            ]
            result.add_row(f"{name}, right set, {decoder}", *cells)
        result.add_section()
    return result
