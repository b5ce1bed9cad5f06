"""The ladder of reductions: where do a full network and its simplifications part?"""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from nam_jax._misc import argument_error
from nam_jax._types import Pattern, Patterns
from nam_jax.measure._certificate import Certificate, certificate
from nam_jax.measure._recall import exact_recall, overlap
from nam_jax.network import (
    AbstractNetwork,
    ContinuousDenseMemory,
    DenseAssociativeMemory,
    EffectiveNeuronAstrocyte,
    NeuronAstrocyte,
    QuasiStatic,
)
from nam_jax.solve import outcome, retrieve


class ReductionReport(eqx.Module):
    """What each rung of the ladder recalls from the same cues.

    Attributes:
        rungs: R names: the full network at each ratio of time constants, then its reductions.
        defined: (R,) whether the reduction exists; rows of the others are NaN or False.
        readout: (R, C, N) read-outs at rest.
        overlap: (R, C) of the read-out's signs with the target.
        exact: (R, C) whether every bit of the target is recalled.
        activity: (R, C) mean |readout|.
        agreement: (R, C) fraction of neurons with the sign they have on the rung above that is
            defined; 1 on the first rung.
        outcome: (R, C) how recall ended: place in `nam_jax.solve.OUTCOMES`; -1 where not defined.
        certificate: That of the full network.
    """

    rungs: tuple[str, ...] = eqx.field(static=True)
    defined: Bool[Array, " R"]
    readout: Float[Array, "R C N"]
    overlap: Float[Array, "R C"]
    exact: Bool[Array, "R C"]
    activity: Float[Array, "R C"]
    agreement: Float[Array, "R C"]
    outcome: Array
    certificate: Certificate

    def __str__(self) -> str:
        """A table: mean overlap, share of exact recalls, activity and agreement of each rung."""
        head = f"{'rung':32} {'overlap':>8} {'exact':>6} {'active':>7} {'as above':>9}"
        margin = f"certificate margin {float(self.certificate.margin):.3g}"
        columns = zip(self.overlap, self.exact, self.activity, self.agreement, strict=True)
        lines = [
            f"{name:32} " + ("{:8.3f} {:6.2f} {:7.2f} {:9.3f}".format(*map(_mean, row)))
            if bool(there)
            else f"{name:32} {'not defined':>12}"
            for name, there, row in zip(self.rungs, self.defined, columns, strict=True)
        ]
        return "\n".join([head, *lines, margin])


def reduction_report(
    network: NeuronAstrocyte,
    cues: Patterns,
    targets: Patterns,
    *,
    ratios: Sequence[float] = (1.0, 0.1),
    max_time: float = 50.0,
) -> ReductionReport:
    """Recalls the same cues with `network` and with each of its reductions.

    The rungs: the full network, with synapses and processes slower or faster than its membranes;
    their infinitely fast limit (certified networks only); the closed form of that limit (linear
    synapses and processes only); the paper's continuous dense memory, which assumes alpha = gamma
    = 0; and its discrete limits, by the literal single pass of the paper's eq 17 and by energy
    differences. Runs on the host, one compiled recall a rung.

    Args:
        network: Its tensor is made of -1 and +1 patterns.
        cues: (C, N).
        targets: (C, N), the pattern that each cue stems from.
        ratios: Time constants of synapses and processes, in membrane times tau_n / max(lambda, 1).
        max_time: Time after which a recall is read out, in the network's unit.

    Raises:
        ValueError: If no ratio above 0 is given, or the tensor is not made of patterns.
    """
    if not ratios or min(ratios) <= 0:
        raise argument_error("ratios", "hold numbers above 0", f"{list(ratios)}")
    found = certificate(network)
    ladder = _ladder(network, ratios, certified=bool(found.certified))
    rows, above = [], None
    for make in ladder.values():
        row = _undefined(cues) if make is None else _recall(make(), cues, targets, max_time)
        rows.append(row | {"agreement": _agreement(row["readout"], above)})
        above = above if make is None else row["readout"]
    table = jax.tree.map(lambda *leaves: jnp.stack(leaves), *rows)
    defined = jnp.array([make is not None for make in ladder.values()])
    return ReductionReport(rungs=tuple(ladder), defined=defined, certificate=found, **table)


def _ladder(
    network: NeuronAstrocyte, ratios: Sequence[float], *, certified: bool
) -> dict[str, Callable[[], AbstractNetwork] | None]:
    dense = ContinuousDenseMemory.from_full(network)
    linear = network.linear_fast_layers
    full: dict[str, Callable[[], AbstractNetwork] | None] = {
        f"full, fast/neural time = {ratio:g}": lambda ratio=ratio: network.with_fast_layers(ratio)
        for ratio in ratios
    }
    return full | {
        "fast layers eliminated": (lambda: QuasiStatic(network)) if certified else None,
        "effective (closed form)": (lambda: EffectiveNeuronAstrocyte.from_full(network))
        if certified and linear
        else None,
        "continuous dense memory": lambda: dense,
        "discrete, single pass (eq 17)": lambda: DenseAssociativeMemory(
            dense.patterns, self_coupling=True
        ),
        "discrete, energy difference": lambda: DenseAssociativeMemory(dense.patterns),
    }


@eqx.filter_jit
def _recall(
    network: AbstractNetwork, cues: Patterns, targets: Patterns, max_time: float
) -> dict[str, Any]:
    def one(cue: Pattern, target: Pattern) -> dict[str, Any]:
        found = retrieve(network, cue, max_time=max_time)
        return {
            "readout": found.pattern,
            "overlap": overlap(jnp.sign(found.pattern), target),
            "exact": exact_recall(found.pattern, target),
            "activity": found.activity,
            "outcome": outcome(found.result),
        }

    return jax.vmap(one)(cues, targets)


def _undefined(cues: Patterns) -> dict[str, Any]:
    missing = jnp.full(cues.shape[0], jnp.nan, cues.dtype)
    return {
        "readout": jnp.full_like(cues, jnp.nan),
        "overlap": missing,
        "exact": jnp.zeros(cues.shape[0], bool),
        "activity": missing,
        "outcome": jnp.full(cues.shape[0], -1),
    }


def _agreement(readout: Patterns, above: Patterns | None) -> Float[Array, " C"]:
    if above is None:
        return jnp.ones(readout.shape[0], readout.dtype)
    same = (jnp.sign(readout) == jnp.sign(above)).astype(readout.dtype)
    return jnp.where(jnp.isnan(readout[:, 0]), jnp.nan, jnp.mean(same, axis=1))


def _mean(values: Array) -> float:
    return float(jnp.mean(values.astype(float)))
