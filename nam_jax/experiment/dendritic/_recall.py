"""Recall by dendritic networks against the size of a memory, the noise and the share of the cue."""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import xarray as xr
from jaxtyping import Array

from nam_jax._types import Key, Scalar
from nam_jax.experiment.dendritic._bench import Bench, Point, Task
from nam_jax.experiment.dendritic._trials import Members, Starts, from_features, judged, memories
from nam_jax.network import DendriticMemory
from nam_jax.network.dendritic import MemoryCue, State
from nam_jax.solve import ExponentialEuler, Flow, FullState, simulate

SHOWN = 16
"""Neurons outside the memory that the raster shows."""


def by_size(bench: Bench, sizes: Sequence[int]) -> list[Task]:
    """Tasks of part `size`: recall from features against the neurons of a memory (Figure 1c)."""

    def at(k: int) -> dict[str, Point]:
        return {"from features": bench.point(k)._replace(predicted=bench.predicted(k))}

    return [Task("size", k, lambda k=k: at(k)) for k in sizes]


def by_noise(bench: Bench, widths: Sequence[float]) -> list[Task]:
    """Tasks of part `noise`: recall from features with noise uniform in (0, width) (Figure 1d)."""

    def at(width: float) -> dict[str, Point]:
        starts = from_features(width)
        sizes = dict.fromkeys((1, bench.k))
        return {f"k = {k}": bench.point(k, starts=starts) for k in sizes}

    return [Task("noise", width, lambda width=width: at(width)) for width in widths]


def first(members: Members, count: int) -> Members:
    """The first `count` members of each memory."""
    return members & (np.cumsum(members, axis=1) <= count)


def by_cued(bench: Bench) -> list[Task]:
    """Tasks of part `partial`: only some members of a memory fire in E1 at the start."""

    def at(count: int) -> dict[str, Point]:
        def starts(network: DendriticMemory, members: Members, key: Key) -> State:
            del key
            return _from_memory(network, jnp.asarray(first(members, count), float))

        return _both(bench, starts, count)

    return [Task("partial", n, lambda n=n: at(n)) for n in range(1, bench.k + 1)]


def by_features(bench: Bench, shares: Sequence[float]) -> list[Task]:
    """Tasks of part `features`: the cue holds a share of the last member's own features.

    It holds all features of the other members.
    """

    def at(share: float) -> dict[str, Point]:
        def starts(network: DendriticMemory, members: Members, key: Key) -> State:
            del key
            part = first(members, bench.k - 1)
            return _with_share(network, jnp.asarray(members), jnp.asarray(part), jnp.asarray(share))

        return _both(bench, starts, bench.k - 1)

    return [Task("features", share, lambda share=share: at(share)) for share in shares]


def _both(bench: Bench, starts: Starts, count: int) -> dict[str, Point]:
    """Two verdicts: on recall of the whole memory, and of exactly its first `count` members."""
    trials = bench.rates(bench.k, starts=starts)
    return {
        "whole memory": Point(judged(trials)),
        "cued part alone": Point(judged(trials, lambda members: first(members, count))),
    }


@eqx.filter_jit
def _from_memory(network: DendriticMemory, cues: Array) -> State:
    return jax.vmap(lambda cue: MemoryCue()(network, cue))(cues)


@eqx.filter_jit
def _with_share(network: DendriticMemory, whole: Array, part: Array, share: Scalar) -> State:
    def one(whole: Array, part: Array) -> State:
        of_part = network.features_of(part)
        return network.initial_state(of_part + share * (network.features_of(whole) - of_part))

    return jax.vmap(one)(whole, part)


def raster(bench: Bench, width: float) -> xr.Dataset:
    """One trial in time, as variables `raster_*`.

    They hold the rates of the members and of `SHOWN` other memory neurons; the lowest rate of any
    memory neuron and the highest rate of a neuron that is no member; and the mean, lowest and
    highest rates of the other populations.

    Args:
        bench: The setting; the trial uses its first network.
        width: The noise of a feature is uniform in (0, width), in Hz.
    """
    network, how = bench.networks()[0], bench.how
    of_memory, of_cue = jr.split(jr.fold_in(bench.key(), 2))
    members = memories(network.num_memory, bench.k, 1, key=of_memory)
    start = jax.tree.map(lambda leaf: leaf[0], from_features(width)(network, members, of_cue))
    states = jax.device_get(_path(network, start, how.time, how.step))
    cued = np.flatnonzero(members[0])
    others = np.flatnonzero(~members[0])[:SHOWN]
    rates, hertz = np.asarray(states.memory), {"units": "Hz"}
    dataset = xr.Dataset(
        {
            "raster": (("neuron", "time"), rates[:, np.r_[cued, others]].T, hertz),
            "raster_member": ("neuron", np.arange(len(cued) + len(others)) < len(cued)),
            "raster_lowest": ("time", rates.min(axis=1), hertz),
            "raster_others": ("time", np.delete(rates, cued, axis=1).max(axis=1), hertz),
        },
        coords={"neuron": np.r_[cued, others], "time": np.linspace(0, how.time, len(rates))},
    )
    dataset["time"].attrs = {"long_name": "time", "units": "ms"}
    populations = ("feature", "memory_inhibition", "feature_inhibition")
    for name in populations:
        values = np.asarray(getattr(states, name))
        for quantity, value in (("mean", values.mean(1)), ("low", values.min(1)),
                                ("high", values.max(1))):  # fmt: skip
            dataset[f"raster_{name}_{quantity}"] = ("time", value, hertz)
    return dataset


@eqx.filter_jit
def _path(network: DendriticMemory, start: State, time: float, step: float) -> State:
    how = Flow(solver=ExponentialEuler(network), step=step, max_steps=100_000)
    path = simulate(network, start, time, how=how, save={"state": FullState()}, times=151)
    return path.observables["state"]
