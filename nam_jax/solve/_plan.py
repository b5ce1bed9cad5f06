"""How many cues are recalled at once, so that they fit the machine."""

from typing import Any, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from nam_jax._misc import device_in_use, free_memory
from nam_jax.network import AbstractNetwork
from nam_jax.solve._batch import Problem, recalled_batch, row_of

LARGE = 2**19
"""Size in bytes of a sample's state. At this size and above, a CPU recalls cues one at a time.

The state of a neuron-astrocyte network reaches it at N = 256. A batch of such states does not fit
the caches, and each recall in it waits for the slowest one.
"""

COPIES = 16
"""Estimate of the memory of a recall, in units of the memory of its state."""

FEWEST_SLOTS, MOST_SLOTS = 4, 64
SLOT_BYTES = 2**17
"""Slots of a CPU are as many as have states of this size together, within these two numbers. Four
times as many slots recall no faster (`python -m benchmarks refill`)."""

FEWEST_SLOTS_OF_OTHERS, SLOT_BYTES_OF_OTHERS = 64, 2**25
"""The same for other devices, which need more work at once. Not measured: it is about the memory
that keeps a GPU of today busy for longer than it takes to start the operations of a step."""

CUES_PER_SLOT = 4
"""Cues over slots from which on slots are refilled. The end of fewer cues, when no cue is left to
begin and slots fall idle, takes too large a share of the time."""


def planned(problem: Problem, refills: bool) -> int:
    """Returns how many cues each device recalls at once, as slots or as a batch.

    One on a CPU if the state of a sample is large. Otherwise as many as are asked for, or as fit
    into half of the free memory: first by a guess from the size of the state, and where that comes
    close to the limit, by the memory analysis of the program. If slots are refilled and there are
    many cues, no more than keep the device busy.

    Args:
        problem: The problem.
        refills: Whether slots can be refilled.
    """
    num = -(-len(problem.cues) // problem.num_devices)
    free = _free(problem)
    state_bytes, other_bytes = _bytes_of_one(problem)
    if _on_cpu(problem) and state_bytes >= LARGE:
        return 1
    guess = COPIES * state_bytes + 2 * other_bytes
    size = int(min(num, max(1, free // max(guess, 1))))
    if refills:
        slots = _busy(state_bytes, _on_cpu(problem))
        size = min(size, slots) if num >= CUES_PER_SLOT * slots else size
    if size * guess < free / 8:
        return size
    index = np.arange(size)
    cues, own = np.asarray(problem.cues)[index], problem.network
    own = row_of(own, index) if problem.stacked else own
    settings = problem.shared, problem.stacked, problem.keep_states
    needed = _bytes_needed(own, cues, index, *settings)
    return size if needed <= free else max(1, int(size * free / needed))


def _busy(state_bytes: int, on_cpu: bool) -> int:
    """Returns how many slots keep a device busy."""
    if on_cpu:
        return max(FEWEST_SLOTS, min(MOST_SLOTS, SLOT_BYTES // state_bytes))
    return max(FEWEST_SLOTS_OF_OTHERS, SLOT_BYTES_OF_OTHERS // state_bytes)


def _on_cpu(problem: Problem) -> bool:
    device = device_in_use() if problem.mesh is None else problem.mesh.devices.flat[0]
    return device.platform == "cpu"


def _free(problem: Problem) -> float:
    """Returns the bytes that recalls on one device may take: half of the free ones."""
    # The devices of a CPU share its memory.
    return free_memory() / 2 / (problem.num_devices if _on_cpu(problem) else 1)


def most_on_devices(problem: Problem) -> int:
    """Returns how many cues and their results lie on all devices at once, beside the slots."""
    state_bytes, other_bytes = _bytes_of_one(problem)
    answers = 2 * problem.cues.nbytes // len(problem.cues) + other_bytes
    bytes_of_one = answers + (state_bytes if problem.keep_states else 0)
    return max(1, problem.num_devices * int(_free(problem) / 2 / max(bytes_of_one, 1)))


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
        analysis = cast(Any, recalled_batch).lower(*arguments).compile().compiled.memory_analysis()
        parts = ("temp_size_in_bytes", "output_size_in_bytes")
        _NEEDED[key] = sum(getattr(analysis, part, 0) for part in parts)
    return _NEEDED[key]


def _bytes_of_one(problem: Problem) -> tuple[int, int]:
    """Returns the bytes of the state of one sample, and of its saved rows and overlaps."""
    drive, _, _, save, times = problem.shared
    cues = problem.cues
    one = row_of(problem.network, 0) if problem.stacked else problem.network
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
