"""`retrieve_all`: recalls many cues, in batches that fit the machine, on one device or on many."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from nam_jax._misc import argument_error, check_whole, is_concrete, on_mesh_of, real_numbers
from nam_jax._precision import full
from nam_jax.network import AbstractNetwork
from nam_jax.solve._batch import Problem, batched, in_batches
from nam_jax.solve._devices import mesh_of
from nam_jax.solve._doors import (
    as_network,
    numbers_as_arrays,
    prepared,
    raise_unless,
    refuse_traced,
)
from nam_jax.solve._how import AbstractHow, Flow
from nam_jax.solve._observe import Save, as_observables
from nam_jax.solve._plan import most_on_devices, planned
from nam_jax.solve._refill import refilled
from nam_jax.solve._result import RESULTS
from nam_jax.solve._retrieve import Retrieval
from nam_jax.solve._simulate import saved_at
from nam_jax.solve._stepwise import goes_by_steps


@full
def retrieve_all(
    network: AbstractNetwork,
    cues: ArrayLike | Sequence[Any],
    *,
    how: AbstractHow | None = None,
    drive: Any = None,
    times: int | ArrayLike | Sequence[float] | None = None,
    save: Save | None = None,
    silence: ArrayLike = 0.5,
    throw: bool = False,
    batch: int | Literal["auto"] = "auto",
    devices: Sequence[Any] | None = None,
    stacked: bool = False,
    keep_states: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Retrieval:
    """Returns the patterns that a network recalls from many cues.

    If there are many more cues than are recalled at once, they share a number of slots: a slot
    whose recall has ended is given the next cue while the other slots go on, so that no recall
    waits for the slowest. Plain batches, one after another, are recalled where observables are
    saved, where a Diffrax adjoint follows the steps, and by feedforward networks, whose recalls are
    equally long.

    The result of a cue does not depend on the other cues, nor on its slot. On any devices, in slots
    or batches of any number, a discrete network gives the same patterns after the same steps,
    unless a field is so near 0 that rounding decides its sign; a continuous network gives states
    that differ by rounding errors. Under jit, vmap and grad all cues are one batch, whatever
    `batch` is, and `progress` is not called. Derivatives are those of [`nam_jax.retrieve`][];
    observables have none.

    Args:
        network: Any network; or if `stacked`, networks of equal structure, with a leading axis of
            the length of `cues` on every array.
        cues: (B, N), one cue in each row, of any real dtype.
        how: The settings for the kind of network, as for [`nam_jax.settle`][]; None for the
            defaults. With `Asynchronous(key)` each cue has its own random numbers, which depend on
            the key and the row of the cue only.
        drive: Constant inputs to the network, the same for all cues; None for no inputs.
        times: Times at which to save, ascending from 0; or their number, evenly spaced up to
            `max_time` of `how`. None to save nothing.
        save: Observables by name, or functions of the state, as for [`nam_jax.simulate`][].
        silence: As for [`nam_jax.retrieve`][].
        throw: Whether to raise an error unless every result is `converged` or `passed`.
        batch: The largest number of cues that are recalled at once, on each device. "auto": one at
            a time on a CPU if the state of a sample is large; otherwise as many as fit into the
            free memory, and of many cues no more than keep the device busy.
        devices: Devices of this process, such as `jax.local_devices()`, over which to spread the
            cues. Each of them has the whole network and recalls its cues without waiting for the
            others. None for the device in use.
        stacked: Whether each cue has its own network.
        keep_states: Whether to return the last states, B times the size of a state.
        progress: Called with the number of finished cues and of all cues: after each batch, or
            about 16 times where slots are refilled, which devices then wait for.

    Returns:
        A [`nam_jax.solve.Retrieval`][] whose arrays, but for `ts`, have a leading axis of B. A cue
        that holds NaN or infinity has the result `non_finite`; other cues are not affected.

    Raises:
        ValueError: If `cues` is not (B, N) with B of at least 1; if the network takes no such
            drive; if `how` is for networks of another kind; if an array of stacked networks has no
            leading axis of B; if only one of `times` and `save` is given, or the network does not
            flow in time, so that nothing can be saved; if `devices` are not some different devices
            of one platform in this process; or if `throw` is True, or `devices` are given, under
            jit, vmap and grad.
        RuntimeError: If `throw` is True and a result is neither `converged` nor `passed`.
    """
    refuse_traced(throw, network, cues, drive, how)
    drive, settings = prepared(as_network(network), drive, how)
    rows = real_numbers("cues", cues)
    if rows.ndim != 2 or not rows.shape[0]:
        raise argument_error("cues", "have shape (B, N), one cue in a row", f"shape {rows.shape}")
    if batch != "auto":
        check_whole("batch", batch)
    observables, saved_times = _saved(network, settings, save, times)
    silence = numbers_as_arrays(silence, network.dtype)
    shared = (drive, settings, silence, observables, saved_times)
    if stacked:
        _check_stacked(network, rows.shape[0])
    mesh = None if devices is None else mesh_of(devices)
    with on_mesh_of(cues, network, drive):
        problem = Problem(network, rows, shared, stacked, keep_states, mesh)
        retrieval = _retrieved(problem, batch, progress)
    retrieval = eqx.tree_at(lambda r: r.ts, retrieval, saved_times, is_leaf=lambda x: x is None)
    if throw:
        raise_unless(retrieval.result, RESULTS.converged, RESULTS.passed)
    return retrieval


def _retrieved(
    problem: Problem, batch: int | str, progress: Callable[[int, int], None] | None
) -> Retrieval:
    """Returns the recalls of all cues, without the saved times."""
    num = len(problem.cues)
    # Under jit a new array is traced even where all arguments are constants.
    arrays = jax.tree.leaves((problem[:3], jnp.zeros(())))
    if not all(map(is_concrete, arrays)):
        if problem.mesh is not None:
            requirement = "be None under jit, vmap and grad; place the cues, or use `shard_map`"
            raise argument_error("devices", requirement, f"{problem.num_devices} of them")
        return problem.whole()
    problem = problem._replace(cues=np.asarray(problem.cues))  # divided on the host
    refills = problem.shared[-1] is None and goes_by_steps(problem.network, problem.shared[1])
    size = planned(problem, refills) if batch == "auto" else int(batch)
    if num <= size and problem.mesh is None:
        whole = problem.whole()
        if progress is not None:
            jax.block_until_ready(whole)
            progress(num, num)
        return whole
    spread = problem.on_devices()
    tell = None if progress is None else _counter(num, progress)
    if refills and 1 < size < num / problem.num_devices:
        part, at_once = partial(refilled, spread, size, tell), most_on_devices(problem)
    else:
        part, at_once = partial(batched, spread, tell), size * problem.num_devices
    return in_batches(part, np.arange(num), at_once)


def _counter(num: int, progress: Callable[[int, int], None]) -> Callable[[int], None]:
    """Returns a function that adds to the number of finished cues and tells it to `progress`."""
    finished = 0

    def tell(more: int) -> None:
        nonlocal finished
        finished = min(finished + more, num)  # the last batch may repeat cues
        progress(finished, num)

    return tell


def _check_stacked(network: AbstractNetwork, num: int) -> None:
    """Raises a `ValueError` unless every array of `network` has a leading axis of `num`."""
    for leaf in jax.tree.leaves(eqx.filter(network, eqx.is_array)):
        if leaf.shape[:1] != (num,):
            requirement = f"have a leading axis of {num}, the number of cues, on every array"
            raise argument_error("network", requirement, f"an array of shape {leaf.shape}")


def _saved(
    network: AbstractNetwork, how: AbstractHow, save: Save | None, times: Any
) -> tuple[Any, Float[Array, " T"] | None]:
    """Returns the observables and the times at which to save them."""
    if save is None and times is None:
        return None, None
    if save is None or times is None:
        name, other = ("save", "times") if save is None else ("times", "save")
        raise argument_error(name, f"be given with `{other}`", None)
    network.flowing()
    assert isinstance(how, Flow)
    names = ("0", "`max_time` of `how`")
    return as_observables(save), saved_at(times, 0.0, how.max_time, network.dtype, names)
