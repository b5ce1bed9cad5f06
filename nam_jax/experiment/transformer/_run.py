"""Trains a Transformer with each attention on associative recall, and tests longer sequences."""

import dataclasses
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import xarray as xr
from jaxtyping import Array, Bool, Float
from rich.table import Table

from nam_jax import data, train
from nam_jax._misc import argument_error
from nam_jax._types import Key, Keys
from nam_jax.experiment.common import attributes, cosine_adam, in_context, key_of_seed, tracked
from nam_jax.experiment.transformer._attentions import Attention, Network, failure, over_seeds
from nam_jax.experiment.transformer._config import ATTENTIONS, TransformerConfig
from nam_jax.record import Context, reading_input

MOST_AT_ONCE = 16
"""Tested sequences computed at once: few, because overlaps of long sequences need much memory."""
THRESHOLDS = (0.99, 0.5)
"""Accuracies; the study reports the number of pairs at which accuracy falls below each."""


class Trained(eqx.Module):
    """One trained Transformer: whether it answers each tested sequence, and its losses."""

    right: Bool[np.ndarray, "lengths sequences"]
    losses: Float[np.ndarray, " steps"]


@in_context(batched=True)
def run(config: TransformerConfig, context: Context) -> xr.Dataset:
    """Trains each attention from each seed, and tests it on keys that training never shows.

    Args:
        config: The settings.
        context: Where and how to run the study.

    Returns:
        Accuracy by attention, seed and number of pairs, and its mean with an interval; the accuracy
        that the theory of superposition predicts for random codes; the numbers of pairs at which
        accuracy falls below thresholds; and the losses.

    Raises:
        ConfigError: If an attention is unknown, lengths do not ascend, or keys are too few.
    """
    settings = _quick(config) if config.fast else config
    with reading_input():
        if list(settings.tested_pairs) != sorted(set(settings.tested_pairs)):
            raise argument_error("tested_pairs", "hold ascending numbers", settings.tested_pairs)
        attentions = ATTENTIONS.make_all(settings.attentions, "attentions")
        _tests(settings)  # raises if keys are too few, before anything is trained
        most_pairs = max(settings.trained_pairs)
        task = data.RecallTask(
            settings.num_values, settings.num_keys, most_pairs, settings.num_queries
        )
    optimizer = cosine_adam(settings.learning_rate, settings.steps)
    keys = jr.split(key_of_seed(settings.seed), settings.num_seeds)
    cases = [(attention, key) for attention in attentions.values() for key in keys]
    trained = [
        _trained(settings, task, attention, optimizer, context.batch or MOST_AT_ONCE, key=key)
        for attention, key in tracked(cases, "training and testing", context)
    ]
    chance = {"num_values": config.num_values}
    return _dataset(settings, attentions, trained).assign_attrs(attributes(config) | chance)


def _quick(config: TransformerConfig) -> TransformerConfig:
    return dataclasses.replace(
        config,
        num_seeds=2,
        tested_pairs=config.tested_pairs[::2],
        steps=max(config.steps // 2, 1),
        num_sequences=max(config.num_sequences // 2, 2),
    )


def _tests(config: TransformerConfig) -> list[data.RecallTask]:
    """One task for each tested length, with keys that training does not show."""
    return [
        data.RecallTask(config.num_values, config.num_keys, pairs, held_out=True)
        for pairs in config.tested_pairs
    ]


def _trained(
    config: TransformerConfig,
    task: data.RecallTask,
    attention: Attention,
    optimizer: optax.GradientTransformation,
    batch: int,
    *,
    key: Key,
) -> Trained:
    of_codes, of_weights, of_batches, of_tests = jr.split(key, 4)
    network = attention.network(config, task.codes(config.size, key=of_codes), of_weights)
    copies = math.ceil(config.batch_size / len(config.trained_pairs))
    lengths = jnp.tile(jnp.asarray(config.trained_pairs), copies)
    make = jax.tree_util.Partial(train.sequence_samples, task=task)
    fit = train.fit(
        network, train.Minibatches(lengths, make, len(lengths)),
        loss=train.TokenCrossEntropy(), optimizer=optimizer, num_steps=config.steps,
        gradient=train.Direct(), trainable=type(network).trained, key=of_batches,
    )  # fmt: skip
    tests = zip(_tests(config), jr.split(of_tests, len(config.tested_pairs)), strict=True)
    right = [
        _answers(fit.network, tested, jr.split(test_key, config.num_sequences), batch)
        for tested, test_key in tests
    ]
    return Trained(np.stack(right), np.asarray(fit.metrics.loss, float))


@eqx.filter_jit
def _answers(
    network: Network, task: data.RecallTask, keys: Keys, batch: int
) -> Bool[Array, " sequences"]:
    """Whether the query of each sequence, its last token, is answered; runs `batch` at once."""

    def one(key: Key) -> Bool[Array, ""]:
        sequence = task(task.most_pairs, key=key)
        return jnp.argmax(network(sequence.tokens)[-1]) == sequence.targets[-1]

    return jax.lax.map(one, keys, batch_size=batch)


def _dataset(
    config: TransformerConfig, attentions: dict[str, Attention], trained: list[Trained]
) -> xr.Dataset:
    shape = (len(config.attentions), config.num_seeds)
    right = np.stack([network.right for network in trained]).reshape(
        *shape, len(config.tested_pairs), config.num_sequences
    )
    losses = np.stack([network.losses for network in trained]).reshape(*shape, config.steps)
    accuracy = right.mean(axis=-1)
    middle, low, high = over_seeds(right)
    failures = [
        [[failure(config.tested_pairs, row, at) for at in THRESHOLDS] for row in rows]
        for rows in accuracy
    ]
    sizes = (config.head_size, config.num_values)
    predicted = [
        [attention.predicted(pairs, *sizes) for pairs in config.tested_pairs]
        for attention in attentions.values()
    ]
    predicted_failure = [
        [attention.predicted_failure(at, *sizes) for at in THRESHOLDS]
        for attention in attentions.values()
    ]
    share, pairs = {"long_name": "queries answered", "units": "1"}, {"units": "pairs"}
    dims = ("attention", "pairs")
    dataset = xr.Dataset(
        {
            "accuracy": (("attention", "run", "pairs"), accuracy, share),
            "mean": (dims, middle, share),
            "low": (dims, low, share),
            "high": (dims, high, share),
            "predicted": (dims, np.asarray(predicted), share),
            "failure": (("attention", "run", "threshold"), np.asarray(failures), pairs),
            "predicted_failure": (("attention", "threshold"), np.asarray(predicted_failure), pairs),
            "loss": (("attention", "run", "step"), losses, {"units": "1"}),
        },
        coords={
            "attention": list(config.attentions),
            "pairs": list(config.tested_pairs),
            "threshold": list(THRESHOLDS),
            "trained": list(config.trained_pairs),
        },
    )
    dataset["pairs"].attrs = {"long_name": "stored pairs K", "units": "1"}
    return dataset


def table(dataset: xr.Dataset) -> Table:
    """Returns a table of accuracy at each length, and of the lengths where it is too low."""
    result = Table(title="Queries answered, mean over seeds [95 %]; held-out keys")
    result.add_column("pairs K", justify="right")
    for name in dataset.attention.values:
        result.add_column(str(name), justify="right")
    for pairs in dataset.pairs.values:
        row = dataset.sel(pairs=pairs)
        cells = zip(row["mean"].values, row.low.values, row.high.values, strict=True)
        result.add_row(str(pairs), *(f"{m:.3f} [{a:.3f}, {b:.3f}]" for m, a, b in cells))
    result.add_section()
    for at in dataset.threshold.values:
        row = dataset.sel(threshold=at)
        lengths = [_length(row.sel(attention=name)) for name in dataset.attention.values]
        result.add_row(f"K at {at:.0%}", *lengths)
    return result


def _length(row: xr.Dataset) -> str:
    """Median and range over seeds of the number of pairs at which a threshold is crossed."""
    least, median, most = (
        float(np.quantile(row.failure.values, q, method="nearest")) for q in (0.0, 0.5, 1.0)
    )
    first = float(row.pairs.min())
    text = f"{_number(median, first)} ({_number(least, first)} to {_number(most, first)})"
    theory = float(row.predicted_failure)
    return text if math.isnan(theory) else f"{text}\ntheory {theory:.3g}"


def _number(pairs: float, first: float) -> str:
    """The number as text; in words if it is beyond the tested numbers, or at most the first."""
    if math.isinf(pairs):
        return "beyond"
    return f"<= {first:.3g}" if pairs <= first else f"{pairs:.3g}"
