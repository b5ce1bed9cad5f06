"""A program whose peak memory is measured: `python -m benchmarks._peak TIMES`.

It recalls images, saves observables at TIMES times (0: only starts JAX), and prints one line of
JSON: the peak resident memory of this process in bytes, the number of exact recalls, and the size
of the saved observables in bytes.
"""

import json
import resource
import sys
from pathlib import Path

import jax
import jax.numpy as jnp

from benchmarks._problem import released
from nam_jax import retrieve_all
from nam_jax.measure import exact_recall
from nam_jax.solve import Activity, Energy, Flow, Overlap

NUM_NEURONS, NUM_PATTERNS, BATCH_SIZE, END_TIME = 768, 25, 1, 20.0


def peak_bytes() -> int:
    """Returns the largest resident memory of this process so far, in bytes.

    On Linux `ru_maxrss` survives exec, so that a subprocess starts with the peak of its parent. The
    high-water mark in /proc does not.
    """
    status = Path("/proc/self/status")
    if status.exists():
        marks = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return 1024 * int(marks[0].split()[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def recall_all(num_times: int) -> dict[str, int]:
    """Recalls all cues as `nam-jax retrieve` does, with observables saved at `num_times`."""
    network, patterns, cues = released(NUM_PATTERNS, NUM_NEURONS)
    recalls = retrieve_all(
        network,
        cues,
        how=Flow(rest=1e-2, max_time=END_TIME),
        times=num_times,
        save={"energy": Energy(), "activity": Activity(), "overlap": Overlap(patterns)},
        batch=BATCH_SIZE,
    )
    saved = jax.device_get(recalls.observables)
    exact = jax.vmap(exact_recall)(recalls.pattern, patterns)
    return {"exact": int(exact.sum()), "saved": sum(leaf.nbytes for leaf in saved.values())}


if __name__ == "__main__":
    jnp.zeros(1).block_until_ready()
    times = int(sys.argv[1])
    counts = recall_all(times) if times else {"exact": 0, "saved": 0}
    print(json.dumps({"peak": peak_bytes(), **counts}))
