"""Compares memories on real images: recall from damaged queries, and classification."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
import jax.random as jr
import numpy as np
import xarray as xr
from jaxtyping import Array, Bool
from rich.progress import Progress

from nam_jax import measure
from nam_jax._types import Key, Pattern, Patterns
from nam_jax.experiment.common import (
    MEMORIES,
    SEPARATIONS,
    SIMILARITIES,
    WEIGHTINGS,
    BinaryImages,
    Memory,
    attributes,
    binary_images,
    in_context,
    key_of_seed,
    progress_bar,
    rest_of,
    settings_text,
)
from nam_jax.experiment.compare import _binary_recall as binary
from nam_jax.experiment.compare import _classification as classes
from nam_jax.experiment.compare._config import CompareConfig as CompareConfig
from nam_jax.experiment.compare._config import quick
from nam_jax.experiment.compare._dataset import (
    BinaryCell,
    binary_dataset,
    class_dataset,
    grid_dataset,
    picture_dataset,
)
from nam_jax.experiment.compare._labelled_images import (
    LabelledImages,
    Queries,
    damaged,
    damages,
    filled,
    labelled_images,
    targets_of,
)
from nam_jax.experiment.compare._similarity_grid import grid, judge_constant
from nam_jax.experiment.compare._tables import table as table
from nam_jax.experiment.compare._tables import write_html
from nam_jax.memory import AbstractSeparation, AbstractSimilarity, AbstractWeighting
from nam_jax.record import Context, reading_input

SHOWN = ("dot", "cosine", "pearson", "euclid", "manhattan", "visible-euclid")
"""Similarities whose recalls are drawn, if the config names them."""

PICTURED = ("hebb", "covariance", "pseudo-inverse", "power-40", "released")
"""Memories whose recalls are drawn, if the config names them, besides certified networks."""

EXAMPLES = 4
"""Black and white images that are drawn."""


class _Compared(NamedTuple):
    """The objects that the names in a config make, by name."""

    similarities: dict[str, AbstractSimilarity]
    weightings: dict[str, AbstractWeighting]
    memories: dict[str, Memory]
    separations: dict[str, AbstractSeparation]


@in_context(batched=False)
def run(config: CompareConfig, context: Context) -> xr.Dataset:
    """Compares all memories.

    Args:
        config: The settings.
        context: Where and how to run the study; tables are written to `context.folder`.

    Returns:
        For each similarity and separation, by damage and K: the share of answers whose nearest
        stored image is the target, the share of exact answers, and the signal-to-noise ratio. For
        binary memories: the rates of recall, and the numbers of memories held, in all and per
        neuron, synapse and compute unit. Shares of right classes, directly and after recall.
        Pictures.

    Raises:
        ConfigError: If a name is unknown, or if the source does not exist, has no labels, or has
            too few distinct images.
    """
    with reading_input():
        settings = quick(config) if config.fast else config
        compared = _Compared(
            SIMILARITIES.make_all(settings.similarities, "similarities"),
            WEIGHTINGS.make_all(settings.weightings, "weightings"),
            MEMORIES.make_all(settings.memories, "memories"),
            SEPARATIONS.make_all(settings.class_separations, "class_separations"),
        )
    of_images, of_grid, of_patterns, of_recall, of_classes = jr.split(key_of_seed(settings.seed), 5)
    most = max(*settings.num_stored, *settings.num_known, settings.num_recalled)
    most_patterns = max(settings.num_patterns)
    with reading_input():
        source, threshold = settings.source, settings.threshold
        images = labelled_images(source, most, settings.num_test, key=of_images)
        patterns = binary_images(source, threshold, most_patterns, key=of_patterns)
    with progress_bar(context) as bar:
        grids, pictures = _grids(settings, compared, images, bar, key=of_grid)
        cells, cues, black, shown = _binary(settings, compared, patterns, bar, key=of_recall)
        labelled = _classes(settings, compared, images, bar, key=of_classes)
    dataset = xr.merge(
        [
            grids,
            binary_dataset(cells, cues),
            labelled,
            picture_dataset(pictures, black, (images.shape, patterns.shape)),
        ],
        join="exact",
        combine_attrs="drop",
    ).assign_attrs(attributes(config) | {"shown": shown})
    dataset.attrs["criterion"] = f"an overlap of {binary.OVERLAP:g} or more"
    flows = settings_text(settings.margin, rest_of(measure.COARSE))
    dataset.attrs["certified"] = f"certified networks: {flows}"
    if context.folder is not None:
        context.folder.mkdir(parents=True, exist_ok=True)
        write_html(dataset, context.folder / "tables.html")
    return dataset


def _grids(
    config: CompareConfig, compared: _Compared, images: LabelledImages, bar: Progress, *, key: Key
) -> tuple[xr.Dataset, dict[str, np.ndarray]]:
    """Judges every similarity with every weighting; also recalls one image at the largest K."""
    kinds = damages(config, images.shape)
    parts = list(compared.similarities.values()), list(compared.weightings.values())
    task = bar.add_task("grid", total=len(config.num_stored) * len(kinds))
    grids, means, pictures = {}, {}, {}
    for place, num in enumerate(config.num_stored):
        of_targets, *of_damage = jr.split(jr.fold_in(key, place), 1 + len(kinds))
        rows = jnp.asarray(images.stored[:num])
        targets = targets_of(num, config.num_queries, key=of_targets)
        grids[num], shown = {}, []
        for (name, damage), damage_key in zip(kinds.items(), of_damage, strict=True):
            queries = damaged(damage, rows[targets], key=damage_key)
            grids[num][name] = grid(rows, targets, queries, *parts)
            shown.append(queries[0])
            bar.advance(task)
        means[num] = {"": judge_constant(rows, targets, jnp.mean(rows, axis=0))}
        recallers = classes.recallers(rows, compared.similarities, config.beta)
        pictures = _pictures(recallers, rows[targets[0]], jnp.stack(shown))
    return grid_dataset(config, grids, means), pictures


def _pictures(
    recallers: Mapping[str, Callable[[Queries], Queries]], clean: Pattern, queries: Queries
) -> dict[str, np.ndarray]:
    """One image, its queries with every kind of damage, and the recalls from them."""
    recalls = {
        name: recallers[f"{name}, max"](queries) for name in SHOWN if f"{name}, max" in recallers
    }
    shown = {"clean": jnp.broadcast_to(clean[None, :], queries.shape), "query": filled(queries)}
    return {name: np.asarray(image) for name, image in (shown | recalls).items()}


def _binary(
    config: CompareConfig, compared: _Compared, images: BinaryImages, bar: Progress, *, key: Key
) -> tuple[dict[str, dict[int, BinaryCell]], list[str], dict[str, np.ndarray], int]:
    """Recalls of every binary memory at every K, from the same cues.

    Returns:
        Results by memory and K, names of the kinds of cue, recalls to draw, and K of those.
    """
    rows, columns = images.shape
    occluded = jnp.repeat(jnp.arange(rows) >= rows - round(config.hidden * rows), columns)
    memories = binary.contenders(config, compared.memories, occluded)
    task = bar.add_task("binary memories", total=len(config.num_patterns) * len(memories))
    cells: dict[str, dict[int, BinaryCell]] = {name: {} for name in memories}
    shown, kinds, largest = {}, [], 0
    for place, num in enumerate(config.num_patterns):
        of_targets, of_cues, of_memory = jr.split(jr.fold_in(key, place), 3)
        patterns = images.patterns[:num]
        chosen = targets_of(num, min(config.num_cues, num), key=of_targets)
        cues = binary.make_cues(patterns[chosen], config.flips, occluded, key=of_cues)
        kinds = list(cues)
        pictures = {}
        for name, contender in memories.items():
            bar.advance(task)
            if contender.most is not None and num > contender.most:
                continue
            few = min(len(chosen), len(chosen) if contender.cues is None else contender.cues)
            cell, readouts = _recall(
                contender, patterns, chosen[:few], cues, occluded, key=of_memory
            )
            cells[name][num], pictures[name] = cell, readouts
        if not shown or num <= config.largest_astrocyte:
            shown, largest = _binary_pictures(pictures, cues, patterns[chosen]), num
    return cells, kinds, shown, largest


def _recall(
    contender: binary.Contender,
    patterns: Patterns,
    chosen: Array,
    cues: dict[str, binary.Cues],
    occluded: Bool[Array, " N"],
    *,
    key: Key,
) -> tuple[BinaryCell, np.ndarray]:
    """Recall of one memory from all kinds of cue; visible bits of the cue `HIDDEN` are held."""
    few, size = len(chosen), patterns.shape[1]
    first_cues = {name: rows[:few] for name, rows in cues.items()}
    free = jnp.zeros_like(occluded)
    held = [
        jnp.broadcast_to(~occluded if name == binary.HIDDEN else free, rows.shape)
        for name, rows in first_cues.items()
    ]
    answers, known = contender.recall(
        patterns, jnp.concatenate(list(first_cues.values())), jnp.concatenate(held), key
    )
    readouts = np.asarray(answers).reshape(len(cues), few, size)
    active = np.asarray(known).reshape(len(cues), few)
    near, exact = binary.judged(readouts, active, np.asarray(patterns[chosen]))
    costs = contender.costs(size, len(patterns))
    return BinaryCell(near, exact, costs), readouts


def _binary_pictures(
    readouts: dict[str, np.ndarray], cues: dict[str, binary.Cues], targets: binary.Cues
) -> dict[str, np.ndarray]:
    """Recalls from the first kind of cue, by the memories that are drawn."""
    few = min(EXAMPLES, len(targets))
    pictures = {"clean": np.asarray(targets), "query": np.asarray(next(iter(cues.values())))}
    names = [name for name in (*PICTURED, *binary.CERTIFIED) if name in readouts]
    pictures |= {name: readouts[name][0] for name in names}
    return {name: _padded(rows[:few], few) for name, rows in pictures.items()}


def _padded(rows: np.ndarray, num: int) -> np.ndarray:
    """`rows` with rows of NaN added, which are drawn white, for cues that were not recalled."""
    missing = np.full((num - len(rows), rows.shape[1]), np.nan, rows.dtype)
    return np.concatenate([rows, missing])


def _classes(
    config: CompareConfig, compared: _Compared, images: LabelledImages, bar: Progress, *, key: Key
) -> xr.Dataset:
    """Shares of right classes of new images, and of recalls of stored and of new images."""
    task = bar.add_task("classes", total=len(config.num_known) + 2)
    of_new, of_stored, of_targets = jr.split(key, 3)
    stored, labels = jnp.asarray(images.stored), jnp.asarray(images.stored_labels)
    queries = _queries(config, images, jnp.asarray(images.held_out), key=of_new)
    classified = {}
    for num in config.num_known:
        methods = classes.classifiers(config, compared.separations, stored[:num], labels[:num])
        classified[num] = {
            name: {m: f(rows) == images.held_out_labels for m, f in methods.items()}
            for name, rows in queries.items()
        }
        bar.advance(task)
    num = config.num_recalled
    chosen = targets_of(num, config.num_test, key=of_targets)
    recallers = classes.recallers(stored[:num], compared.similarities, config.beta)
    again = _queries(config, images, stored[chosen], key=of_stored)
    logistic = classes.logistic_regression(images.stored[:num], images.stored_labels[:num])
    recalled = {}
    for origin, cues, truth in (
        ("stored", again, np.asarray(labels[chosen])),
        ("new", queries, images.held_out_labels),
    ):
        recalled[origin] = {
            name: {
                recaller: logistic.predict(np.asarray(recall(rows))) == truth
                for recaller, recall in recallers.items()
            }
            for name, rows in cues.items()
        }
        bar.advance(task)
    return class_dataset(classified, recalled)


def _queries(config: Any, images: LabelledImages, rows: Queries, *, key: Key) -> dict[str, Queries]:
    kinds = damages(config, images.shape)
    keys = jr.split(key, len(kinds))
    queries = {
        name: damaged(damage, rows, key=damage_key)
        for (name, damage), damage_key in zip(kinds.items(), keys, strict=True)
    }
    return {"clean": rows} | queries
