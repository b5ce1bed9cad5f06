"""Claims about setwise memories: pairs of neurons against sets of three, at equal numbers."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import xarray as xr

from nam_jax.experiment import setwise
from nam_jax.experiment.claims._finding import Finding, of_bounds
from nam_jax.experiment.claims._once import once
from nam_jax.experiment.claims._registry import claim
from nam_jax.experiment.claims._sources import DERIVED_SETWISE, OURS, SETWISE
from nam_jax.experiment.common import over_seeds

SIZES, FLIPS, LOADS = (60, 100), (0.1, 0.2, 0.3), (0.1, 0.2)


@once
def _measured() -> xr.Dataset:
    """Final overlaps by the study's program, in cells that all claims of this file share.

    The quick run measures the same as the full one, because few trials cannot tell the signs.
    """
    return setwise.study.run(
        setwise.study.config(sizes=SIZES, loads=LOADS, flips=FLIPS, winner_queries=50)
    )


class Gain(NamedTuple):
    """The difference of mean final overlaps of two kinds, with its 95 % interval."""

    value: float
    low: float
    high: float


def _gain(
    kind: str,
    other: str = "pairs",
    *,
    sizes: Iterable[int] = SIZES,
    flips: Iterable[float] = FLIPS,
    loads: Iterable[float] = LOADS,
) -> Gain:
    """The overlap of `kind` minus that of `other`, the mean over all the given cells."""
    overlap = _measured().by_complex
    cells = overlap.sel(size=list(sizes), flips=list(flips), load_ratio=list(loads))
    pair = cells.sel(kind=kind), cells.sel(kind=other)
    # Complexes of different sizes and kinds are independent. Cells of one size and kind share
    # complexes, so that their mean of each complex comes first.
    means = [values.mean(["flips", "load_ratio"]) for values in pair]
    value = float((means[0] - means[1]).mean())
    count = overlap.sizes["complex"]
    square = sum(float(mean.var("complex", ddof=1).mean()) for mean in means)
    error = 1.96 * np.sqrt(square / count / cells.sizes["size"])
    return Gain(value, value - error, value + error)


def _finding(gain: Gain, meaning: str, parts: dict[str, Gain]) -> Finding:
    """A finding whose conditions hold where the whole interval of a gain is above 0."""
    text = "; ".join(f"{name} {part.value:+.3f}" for name, part in parts.items())
    fine = {name: part.low > 0 for name, part in parts.items()}
    return Finding(*gain, f"{meaning}; {text}", fine)


@claim(
    "setwise-added",
    "Sets of three neurons, added to all pairs, raise the capacity",
    f"{SETWISE}, abstract",
)
def setwise_added(fast: bool) -> Finding:
    """Final overlap of all pairs and as many random triples minus that of all pairs.

    N = 60 and 100, K / N = 0.1 and 0.2; 8 complexes, 32 sets of patterns each.
    """
    del fast
    name = "all pairs and triples"
    parts = {f"{round(100 * f)} % flips": _gain(name, flips=[f]) for f in FLIPS}
    return _finding(_gain(name), "gain of overlap, mean over all cells", parts)


@claim(
    "setwise-triples",
    "As many random sets of three as there are pairs recall more than all pairs",
    f"{SETWISE}, abstract",
)
def setwise_triples(fast: bool) -> Finding:
    """Final overlap of N (N - 1) / 2 random triples minus that of all pairs; cells as above."""
    del fast
    parts = {"10 and 20 % flips": _gain("triples", flips=[0.1, 0.2])}
    parts["30 % flips, N = 100"] = _gain("triples", sizes=[100], flips=[0.3])
    for load in LOADS:
        cell = {"sizes": [60], "flips": [0.3], "loads": [load]}
        parts[f"30 % flips, N = 60, K / N = {load:g}"] = _gain("triples", **cell)
    return _finding(_gain("triples"), "gain of overlap, mean over all cells", parts)


@claim(
    "setwise-mixed",
    "Half as many pairs and as many triples recall more than all pairs",
    f"{SETWISE}, abstract",
)
def setwise_mixed(fast: bool) -> Finding:
    """Final overlap of N (N - 1) / 2 random sets, half of them triples, minus that of all pairs."""
    del fast
    parts = {f"{round(100 * f)} % flips": _gain("mixed", flips=[f]) for f in FLIPS}
    return _finding(_gain("mixed"), "gain of overlap, mean over all cells", parts)


@claim(
    "setwise-mixture",
    "A mixture of pairs and triples recalls more than triples alone, at equal numbers",
    DERIVED_SETWISE,
)
def setwise_mixture(fast: bool) -> Finding:
    """Final overlap of half pairs, half triples minus that of as many triples."""
    del fast
    parts = {f"{round(100 * f)} % flips": _gain("mixed", "triples", flips=[f]) for f in FLIPS}
    return _finding(_gain("mixed", "triples"), "gain of overlap, mean over all cells", parts)


@claim(
    "setwise-order",
    "The gain is one of the order of sets, not of the number of their pins",
    DERIVED_SETWISE,
)
def setwise_order(fast: bool) -> Finding:
    """Final overlap of triples with as many pins as all pairs (N (N - 1) / 3) minus that of pairs.

    A set of n neurons has n pins; the ratio of signal to noise of one step is then equal.
    """
    del fast
    name = "triples, equal pins"
    parts = {
        "10 and 20 % flips, K / N = 0.2": _gain(name, flips=[0.1, 0.2], loads=[0.2]),
        "30 % flips, K / N = 0.1": _gain(name, flips=[0.3], loads=[0.1]),
    }
    return _finding(_gain(name), "gain of overlap, mean over all cells", parts)


@claim(
    "setwise-signal",
    "In one step, sets of all sizes count alike: the ratio of signal to noise is sqrt(d / (K - 1))",
    f"{DERIVED_SETWISE}; the bound of 2 % is ours",
)
def setwise_signal(fast: bool) -> Finding:
    """Signal to noise of the fields at stored patterns over theory, neurons in d sets.

    All kinds of connections and cells as above; intervals over three independent draws.
    """
    del fast
    ratio = _measured().signal_to_noise / _measured().predicted_signal_to_noise
    own = ratio.mean(["size", "load_ratio"]).transpose("flips", "kind")
    rows = dict(zip(own.kind.values.tolist(), over_seeds(own.values), strict=True))
    mean = of_bounds(over_seeds(own.mean("kind").values))
    meaning = "measured over theory, mean of kinds; " + "; ".join(
        f"{name} {row[0]:.3f}" for name, row in rows.items()
    )
    fine = {name: bool(abs(row[0] - 1) < 0.02) for name, row in rows.items()}
    return Finding(*mean, meaning, fine)


@claim(
    "setwise-exponent",
    "A log-sum-exp memory of sets of neurons recognises more than one of plain overlaps",
    f"{OURS}, docs/results/setwise.md",
)
def setwise_exponent(fast: bool) -> Finding:
    """Right patterns with the largest exponent, N = 60, K = 600, 20 and 30 % flips, 400 cues.

    Exponents: overlap, all pairs, as many random triples, and half of each.
    """
    del fast
    shares = _measured().winner
    hard, easy = shares.sel(winner_flips=0.3), shares.sel(winner_flips=0.2, bound="value")
    overlap = of_bounds(hard.sel(exponent="overlap").values)
    others = {name: hard.sel(exponent=name) for name in ("all pairs", "mixed", "triples")}
    text = ", ".join(f"{name} {float(row.sel(bound='value')):.3f}" for name, row in others.items())
    meaning = (
        f"share by overlaps at 30 % flips; {text}; at 20 % the least is {float(easy.min()):.3f}"
    )
    fine = {
        f"{name}, 30 % flips": float(row.sel(bound="low")) > overlap[2]
        for name, row in others.items()
    }
    return Finding(*overlap, meaning, fine)
