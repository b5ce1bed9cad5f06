"""Recalls many cues in slots that are refilled, on one device or on many."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jax.sharding import Mesh

from nam_jax.solve._batch import Problem
from nam_jax.solve._devices import in_order, on_each_device, placed, rows_of_devices
from nam_jax.solve._retrieve import Retrieval
from nam_jax.solve._slots import Refill, Slots, Work

REPORTS = 16
"""About how often the progress of a refilled batch is told; each time all devices wait."""


def refilled(
    problem: Problem, size: int, tell: Callable[[int], None] | None, chosen: np.ndarray
) -> Retrieval:
    """Returns the recalls of some cues.

    Args:
        problem: The problem, with its cues on the host.
        size: The number of slots of every device.
        tell: Called with how many more cues are recalled, from time to time.
        chosen: The rows of the cues.
    """
    num, mesh = len(chosen), problem.mesh
    refill, work, places = prepared_work(problem, size, chosen)
    fixed = (refill, work, mesh)
    last = places.shape[1]
    stride = last if tell is None else max(size, -(-last // REPORTS))
    slots, told = empty_slots(fixed), 0
    for until in range(stride, last + stride, stride):
        slots = go_on(fixed, slots, np.asarray(min(until, last), np.int32))
        if tell is not None:
            ended = int(np.sum(jax.device_get(slots.num_ended)))
            tell(ended - told)
            told = ended
    results, use = jax.device_get((slots.results, slots.use))
    use = np.broadcast_to(use[:, None], places.shape).astype(problem.network.dtype)
    results = eqx.tree_at(lambda r: r.slot_use, results, use, is_leaf=lambda x: x is None)
    return in_order(results, num)


def prepared_work(
    problem: Problem, size: int, chosen: np.ndarray
) -> tuple[Refill, Work, np.ndarray]:
    """Returns how cues are recalled, the cues on their devices, and their rows among `chosen`."""
    drive, how, silence, *_ = problem.shared
    num = len(chosen)
    places = rows_of_devices(num, problem.num_devices)
    index = chosen[places % num]
    cues, networks = problem.of_rows(index)
    indices: Any = index.astype(np.int32)
    numbers: Any = np.sum(places < num, axis=1, dtype=np.int32)
    work = placed(Work(cues, indices, numbers, networks), problem.mesh, spread=True)
    network = None if problem.stacked else problem.network
    refill = Refill(network, drive, how, silence, size, problem.keep_states)
    return refill, work, places


@eqx.filter_jit
def empty_slots(fixed: tuple[Refill, Work, Mesh | None]) -> Slots:
    """Returns the slots of all devices, without cues."""
    refill, work, mesh = fixed
    return on_each_device(lambda work, refill: refill.empty(work), work, refill, mesh)


# The slots of the call before are given up, so that there are never two sets of them.
@eqx.filter_jit(donate="all-except-first")
def go_on(fixed: tuple[Refill, Work, Mesh | None], slots: Slots, until: Any) -> Slots:
    """Returns the slots of all devices when `until` recalls, or all, have ended on each of them."""
    refill, work, mesh = fixed

    def on_one(own: tuple[Work, Slots], common: tuple[Refill, Any]) -> Slots:
        (work, slots), (refill, until) = own, common
        return refill(work, slots, until)

    return on_each_device(on_one, (work, slots), (refill, until), mesh)
