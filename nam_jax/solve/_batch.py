"""`retrieve_all`: recalls many cues, in batches that fit the machine.

What computes many samples in batches, here and in `measure` and in studies, plans them here.
"""

import operator
from collections.abc import Callable, Sequence
from typing import Any, Literal, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from nam_jax._misc import (
    argument_error,
    check_whole,
    device_in_use,
    free_memory,
    is_concrete,
    on_mesh_of,
    real_numbers,
)
from nam_jax.network import AbstractNetwork
from nam_jax.solve._doors import (
    as_network,
    numbers_as_arrays,
    prepared,
    raise_unless,
    refuse_traced,
)
from nam_jax.solve._how import AbstractHow, Flow
from nam_jax.solve._observe import Save, as_observables
from nam_jax.solve._result import RESULTS
from nam_jax.solve._retrieve import Retrieval, recalled
from nam_jax.solve._simulate import saved_at
from nam_jax.solve._updates import AbstractUpdates

LARGE = 2**19
"""Size in bytes of a sample's state. At this size and above, a CPU recalls cues one at a time.

The state of a neuron-astrocyte network reaches it at N = 256. A batch of such states does not fit
the caches, and each recall in it waits for the slowest one.
"""

COPIES = 16
"""Estimate of the memory of a recall, in units of the memory of its state."""

AT_ONCE = 2**25
"""Bytes of the samples that are computed at once where the memory of the machine must not matter,
because random numbers are drawn batch by batch or times are compared."""


def at_once(num: int, bytes_of_one: int, most: int | None = None) -> int:
    """Returns how many of `num` samples to compute at once, the same on every machine.

    Args:
        num: The number of samples.
        bytes_of_one: The bytes that one sample needs.
        most: The number above which more samples at once gain nothing; None for no such number.
    """
    fitting = max(1, AT_ONCE // max(bytes_of_one, 1))
    return max(1, min(num, fitting, num if most is None else most))


def batches(num: int, size: int) -> np.ndarray:
    """Returns the indices of samples in batches of equal size, at most `size`, (batches, size).

    Batches of equal size share one compiled program. For example, 7 samples in batches of at most 3
    are (0, 1, 2), (3, 4, 5) and (6, 0, 1): the last one is filled up with the first samples. The
    results of these are dropped by taking the first `num` of all.
    """
    count = -(-num // size)
    size = -(-num // count)
    return (np.arange(count * size) % num).reshape(count, size)


def in_batches(function: Callable[[Any], Any], samples: Any, size: int) -> Any:
    """Applies a batched function to samples in batches of equal size, at most `size`.

    Args:
        function: Function of a batch, a tree of arrays with a leading axis; so is its value.
        samples: The samples, a tree of arrays with a leading axis.
        size: The largest number of samples in a batch.

    Returns:
        The joined values. Those of each batch are moved to the host, so that they need no memory
        of the device meanwhile.
    """
    num = len(jax.tree.leaves(samples)[0])
    parts = [
        jax.device_get(function(jax.tree.map(operator.itemgetter(index), samples)))
        for index in batches(num, size)
    ]
    return jax.tree.map(lambda *leaves: jnp.asarray(np.concatenate(leaves)[:num]), *parts)


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
    stacked: bool = False,
    keep_states: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Retrieval:
    """Returns the patterns that a network recalls from many cues.

    The result of a cue does not depend on the other cues. In batches of any size a discrete network
    gives the same bits, unless a field is so near 0 that rounding decides its sign; a continuous
    network gives states that differ by rounding errors. Under jit, vmap and grad all cues are one
    batch, whatever `batch` is, and `progress` is not called. Derivatives are those of
    [`nam_jax.retrieve`][]; observables have none.

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
        batch: The largest number of cues that are recalled at once. "auto": one at a time on a
            CPU if the state of a sample is large; otherwise as many as fit into the free memory.
        stacked: Whether each cue has its own network.
        keep_states: Whether to return the last states, B times the size of a state.
        progress: Called after each batch with the number of finished cues and of all cues.

    Returns:
        A [`nam_jax.solve.Retrieval`][] whose arrays, but for `ts`, have a leading axis of B. A cue
        that holds NaN or infinity has the result `non_finite`; other cues are not affected.

    Raises:
        ValueError: If `cues` is not (B, N) with B of at least 1; if the network takes no such
            drive; if `how` is for networks of another kind; if an array of stacked networks has no
            leading axis of B; if only one of `times` and `save` is given, or the network does not
            flow in time, so that nothing can be saved; or if `throw` is True under jit, vmap and
            grad.
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
    with on_mesh_of(cues, network, drive):
        retrieval = _in_batches(network, rows, shared, batch, stacked, keep_states, progress)
    if throw:
        raise_unless(retrieval.result, RESULTS.converged, RESULTS.passed)
    return retrieval


def _in_batches(
    network: AbstractNetwork,
    cues: Array,
    shared: tuple[Any, ...],
    batch: int | str,
    stacked: bool,
    keep_states: bool,
    progress: Callable[[int, int], None] | None,
) -> Retrieval:
    """Returns the recalls of all cues, batch after batch."""
    num = cues.shape[0]
    # Under jit a new array is traced even where all arguments are constants.
    arrays = jax.tree.leaves((network, cues, shared, jnp.zeros(())))
    traced = not all(map(is_concrete, arrays))
    if traced:
        size = num
    elif batch == "auto":
        size = batch_size(network, cues, shared, stacked, keep_states)
    else:
        size = min(int(batch), num)
    # The cues are moved to the host and divided into batches there.
    all_cues = cues if traced else np.asarray(cues)
    if size == num:
        whole = _recalled_batch(network, all_cues, np.arange(num), shared, stacked, keep_states)
        if progress is not None and not traced:
            jax.block_until_ready(whole)
            progress(num, num)
        return _with_times(whole, shared)
    finished = 0

    def recalled_batch(chosen: np.ndarray) -> Retrieval:
        nonlocal finished
        own = _row(network, chosen) if stacked else network
        part = _recalled_batch(own, all_cues[chosen], chosen, shared, stacked, keep_states)
        if progress is not None:
            jax.block_until_ready(part)
            finished = min(finished + len(chosen), num)
            progress(finished, num)
        return part

    return _with_times(in_batches(recalled_batch, np.arange(num), size), shared)


def _with_times(retrieval: Retrieval, shared: tuple[Any, ...]) -> Retrieval:
    """Returns the recalls with the saved times, which have no axis of cues."""
    return eqx.tree_at(lambda r: r.ts, retrieval, shared[-1], is_leaf=lambda x: x is None)


def batch_size(
    network: AbstractNetwork,
    cues: Array,
    shared: tuple[Any, ...],
    stacked: bool,
    keep_states: bool,
) -> int:
    """Returns how many cues to recall at once.

    One on a CPU if the state of a sample is large. Otherwise as many as are asked for, or as fit
    into half of the free memory: first by a guess from the size of the state, and where that comes
    close to the limit, by the memory analysis of the program.
    """
    num, free = cues.shape[0], free_memory() / 2
    state_bytes, other_bytes = _bytes_of_one(network, cues, shared, stacked)
    if device_in_use().platform == "cpu" and state_bytes >= LARGE:
        return 1
    guess = COPIES * state_bytes + 2 * other_bytes
    size = int(min(num, max(1, free // max(guess, 1))))
    if size * guess < free / 8:
        return size
    index = np.arange(size) % num
    own = _row(network, index) if stacked else network
    needed = _bytes_needed(own, np.asarray(cues)[index], index, shared, stacked, keep_states)
    return size if needed <= free else max(1, int(size * free / needed))


_NEEDED: dict[Any, int] = {}
"""The bytes of programs that were analysed, by the structure and the shapes of their arguments."""


def _bytes_needed(*arguments: Any) -> int:
    """Returns the bytes that the program of a batch needs beside its arguments.

    The program is compiled for that once for each structure and shapes of the arguments.
    """
    leaves, structure = jax.tree.flatten(arguments)
    shapes = ((leaf.shape, str(leaf.dtype)) if eqx.is_array(leaf) else leaf for leaf in leaves)
    key = (structure, *shapes)
    if key not in _NEEDED:
        analysis = cast(Any, _recalled_batch).lower(*arguments).compile().compiled.memory_analysis()
        parts = ("temp_size_in_bytes", "output_size_in_bytes")
        _NEEDED[key] = sum(getattr(analysis, part, 0) for part in parts)
    return _NEEDED[key]


def _bytes_of_one(
    network: AbstractNetwork, cues: Array, shared: tuple[Any, ...], stacked: bool
) -> tuple[int, int]:
    """Returns the bytes of the state of one sample, and of its saved rows and overlaps."""
    drive, _, _, save, times = shared
    one = _row(network, 0) if stacked else network
    cue = jax.ShapeDtypeStruct(cues.shape[1:], cues.dtype)

    def parts(network: AbstractNetwork, cue: Any) -> tuple[Any, Any, Any]:
        state = network.initial_state(cue)
        t = jnp.zeros((), network.dtype)
        rows = [observable(network, t, state, drive) for observable in (save or {}).values()]
        memories = network.stored_rows()
        return state, rows, None if memories is None else memories[:, 0]

    state, rows, overlaps = eqx.filter_eval_shape(parts, one, cue)
    num_times = 0 if times is None else times.size
    return _bytes(state), num_times * _bytes(rows) + _bytes(overlaps)


def _bytes(tree: Any) -> int:
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


def _check_stacked(network: AbstractNetwork, num: int) -> None:
    """Raises a `ValueError` unless every array of `network` has a leading axis of `num`."""
    for leaf in jax.tree.leaves(eqx.filter(network, eqx.is_array)):
        if leaf.shape[:1] != (num,):
            requirement = f"have a leading axis of {num}, the number of cues, on every array"
            raise argument_error("network", requirement, f"an array of shape {leaf.shape}")


def _batch(
    network: AbstractNetwork,
    cues: Any,
    indices: Any,
    shared: tuple[Any, ...],
    stacked: bool,
    keep_states: bool,
) -> Retrieval:
    """Returns the recalls of one batch; `indices` are the rows of its cues among all cues."""
    drive, how, silence, save, times = shared

    def one(network: AbstractNetwork, cue: Any, index: Any) -> Retrieval:
        own = how.of_sample(index) if isinstance(how, AbstractUpdates) else how
        retrieval = recalled(network, cue, drive, own, silence, save, times)
        state = retrieval.state if keep_states else None
        none = lambda x: x is None  # noqa: E731
        return eqx.tree_at(lambda r: (r.state, r.ts), retrieval, (state, None), is_leaf=none)

    if len(cues) == 1:  # without vmap the loops choose nothing between samples
        own = _row(network, 0) if stacked else network
        single = one(own, cues[0], indices[0])
        return jax.tree.map(lambda leaf: leaf[None], single)
    axes = eqx.if_array(0) if stacked else None
    spread = cast(Any, jax.typeof(cues)).sharding.spec[0]
    if spread is not None:  # the cues are spread over an explicit axis of a mesh
        indices = jax.sharding.reshard(indices, jax.sharding.PartitionSpec(spread))
    return eqx.filter_vmap(one, in_axes=(axes, 0, 0))(network, cues, indices)


_recalled_batch = eqx.filter_jit(_batch)


def _row(network: AbstractNetwork, index: Any) -> AbstractNetwork:
    """Returns the networks of rows `index` of stacked networks."""
    return jax.tree.map(lambda leaf: leaf[index] if eqx.is_array(leaf) else leaf, network)


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
