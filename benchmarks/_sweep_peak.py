"""A program whose peak memory is measured: `python -m benchmarks._sweep_peak UNITS`.

It sweeps UNITS units of `rate` over 25 sizes (0: only one unit), and prints one line of JSON: the
peak resident memory of this process in bytes.
"""

import json
import sys
import tempfile

from benchmarks._peak import peak_bytes
from nam_jax import sweep
from nam_jax.experiment import rate

SHAPES = 25


def sweep_all(units: int) -> None:
    """Sweeps over seeds and sizes, each of which has a compiled program of its own."""
    sizes = range(16, 16 + 2 * (SHAPES if units else 1), 2)
    with tempfile.TemporaryDirectory() as store:
        sweep.run(
            rate.study,
            {"num_neurons": sizes},
            settings={"memory": "hebb", "num_sets": 1},
            seeds=max(1, units // SHAPES),
            store=store,
        )


if __name__ == "__main__":
    sweep_all(int(sys.argv[1]))
    print(json.dumps({"peak": peak_bytes()}))
