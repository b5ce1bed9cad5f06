"""A program that counts the work of one device among eight: `python -m benchmarks._on_eight`.

Start it with `XLA_FLAGS=--xla_force_host_platform_device_count=8`. It compiles refilled recall for
one device with 64 slots and for eight devices with 8 slots each, and prints one line of JSON: the
floating-point operations of a device in each program, as XLA counts them (the body of a loop
counts once), and the number of instructions in the second one that send between devices.
"""

import json
import re
from typing import Any, cast

import jax
import numpy as np
from jax.sharding import Mesh

from benchmarks._problem import patterns_and_cues
from nam_jax.network import NeuronAstrocyte
from nam_jax.solve._batch import Problem
from nam_jax.solve._devices import mesh_of
from nam_jax.solve._doors import prepared
from nam_jax.solve._refill import empty_slots, go_on, prepared_work

COLLECTIVES = r"\b(all-reduce|all-gather|all-to-all|reduce-scatter|collective-\w+|send|recv)\("


def program(num_slots: int, mesh: Mesh | None) -> Any:
    """Returns the compiled program of a device with so many slots."""
    patterns, cues = patterns_and_cues(128, 24)
    network = NeuronAstrocyte.released(patterns[:10])
    drive, how = prepared(network, None, None)
    shared = (drive, how, np.asarray(0.5, np.float32), None, None)
    problem = Problem(network, np.asarray(cues), shared, False, False, mesh).on_devices()
    refill, work, _ = prepared_work(problem, num_slots, np.arange(len(cues)))
    fixed = (refill, work, mesh)
    slots, one = empty_slots(fixed), np.asarray(1, np.int32)
    return cast(Any, go_on).lower(fixed, slots, one).compile().compiled


if __name__ == "__main__":
    alone, shared = program(64, None), program(8, mesh_of(jax.devices()))
    counts = {
        "of_one": alone.cost_analysis()["flops"],
        "of_eight": shared.cost_analysis()["flops"],
        "sends": len(re.findall(COLLECTIVES, shared.as_text())),
    }
    print(json.dumps(counts))
