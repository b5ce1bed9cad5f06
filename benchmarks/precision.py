"""How few digits recalls need: products of GPUs and TPUs, emulated on this CPU."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from jax.lax import Precision

from benchmarks._report import Line, Report
from nam_jax._precision import FULL
from nam_jax.solve import REST


class Setting(NamedTuple):
    """A device, the precision of flows on it, and whether the library chooses the others."""

    device: str
    flows: Precision
    policy: bool

    def __str__(self) -> str:
        if self.policy:
            return f"{self.device}, flows {self.flows.name}"
        return f"{self.device}, all products DEFAULT"


REDUCED = (
    Setting("gpu", Precision.DEFAULT, True),
    Setting("tpu", Precision.HIGH, True),
    Setting("tpu", Precision.DEFAULT, True),
)
WITHOUT = (Setting("gpu", Precision.DEFAULT, False), Setting("tpu", Precision.DEFAULT, False))
MOST_STEPS = 1.1
"""Steps, over those in full, up to which fewer digits can be faster."""
NOTE = (
    "Factors of all products are rounded as a device rounds them: to TF32 on a GPU (DEFAULT and "
    "HIGH), to bfloat16 on a TPU (DEFAULT), or split into two numbers of bfloat16 (HIGH). First "
    "only the products in flows, then all of them, as without a policy. Bits that differ from a "
    "recall in full; share of recalls that end at rest within 500 steps; median steps; largest "
    "residual, and largest rise of the energy between times 0.1 apart, over |energy|. The "
    "rule: flows are computed in the fewest digits with which, on both devices and in every case, "
    f"no bit differs, as many recalls come to rest, and they take at most {MOST_STEPS:g} times the "
    "steps."
)


def run(repeats: int) -> Report:
    """Emulates both devices; `repeats` does not matter, as nothing is timed."""
    del repeats
    wanted = [(device, policy) for policy in (True, False) for device in ("gpu", "tpu")]
    with ThreadPoolExecutor(2) as pool:
        numbers = dict(zip(wanted, pool.map(_emulated, wanted), strict=True))
    return report(numbers)


def report(numbers: dict[tuple[str, bool], Any]) -> Report:
    """Returns the report of the numbers of `benchmarks._precision` by device and policy."""
    full = numbers["gpu", True]
    rows, right = [], {setting: True for setting in REDUCED}
    for name, by_precision in full.items():
        if name == "checks":
            continue
        reference = by_precision[FULL.name]
        rows.append((name, "full", *_cells(reference, reference)))
        for setting in (*REDUCED, *WITHOUT):
            case = numbers[setting.device, setting.policy].get(name, {})
            precision = setting.flows if setting.policy else FULL
            if precision.name not in case:
                continue  # no flow, or left out
            cells = _cells(case[precision.name], reference)
            rows.append(("", str(setting), *cells))
            if setting.policy:
                right[setting] &= _right(case[precision.name], reference)
    rows += _checks(numbers, full["checks"])
    fastest = Precision.HIGHEST
    for precision in (Precision.HIGH, Precision.DEFAULT):
        # On a GPU both are the same.
        if all(right[s] for s in REDUCED if s.device == "gpu" or s.flows == precision):
            fastest = precision
    line = Line(
        "default precision of flows",
        FULL.name,
        "the rule of `benchmarks/precision.py`",
        fastest.name,
        "the rule's",
        fastest == FULL,
    )
    columns = ("case", "products", "recalled", "bits", "at rest", "steps", "residual", "rise")
    return Report(f"Digits of products, rest {REST:g}", NOTE, columns, rows, [line])


def _emulated(wanted: tuple[str, bool]) -> Any:
    device, policy = wanted
    words = [sys.executable, "-m", "benchmarks._precision", device, "policy" if policy else "none"]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def _cells(numbers: dict[str, Any], reference: dict[str, Any]) -> tuple[str, ...]:
    bits, exact = (np.frombuffer(bytes.fromhex(n["bits"]), np.uint8) for n in (numbers, reference))
    differing = int(np.unpackbits(bits ^ exact).sum())
    laws = [f"{numbers[key]:.1e}" for key in ("residual", "rise")]
    share = f"{numbers['ended']:.2f}"
    counts = f"{differing} of {numbers['size']}"
    return f"{numbers['exact']:.3f}", counts, share, f"{numbers['steps']:.0f}", *laws


def _right(numbers: dict[str, Any], reference: dict[str, Any]) -> bool:
    """Returns whether a case has the bits of full products, and rests as often and as soon."""
    rests = numbers["ended"] >= reference["ended"]
    soon = numbers["steps"] <= MOST_STEPS * reference["steps"]
    return numbers["bits"] == reference["bits"] and rests and soon


def _checks(numbers: dict[tuple[str, bool], Any], full: dict[str, Any]) -> list[tuple[str, ...]]:
    """Returns the rows of a gradient and of a certificate: their largest relative error."""
    rows = []
    for name, exact in full.items():
        exact = np.asarray(exact)
        for device, policy in numbers:
            error = np.asarray(numbers[device, policy]["checks"][name]) - exact
            scale = np.abs(exact) if name == "certificate" else np.max(np.abs(exact))
            text = f"{np.max(np.abs(error) / scale):.1e}"
            products = f"{device}, with the policy" if policy else f"{device}, all products DEFAULT"
            rows.append((f"error of a {name}", products, text, *[""] * 5))
    return rows
