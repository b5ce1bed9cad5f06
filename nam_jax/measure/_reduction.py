"""Compares recall by a full network and by its reductions (simplified networks)."""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from nam_jax._misc import argument_error
from nam_jax._precision import full
from nam_jax._types import Pattern, Patterns, Scalar
from nam_jax.measure._certificate import Certificate, certificate
from nam_jax.measure._recall import exact_recall, overlap
from nam_jax.measure._settings import COARSE
from nam_jax.network import (
    AbstractNetwork,
    ContinuousDenseMemory,
    DenseAssociativeMemory,
    EffectiveNeuronAstrocyte,
    NeuronAstrocyte,
    QuasiStatic,
)
from nam_jax.solve import AbstractHow, outcome, retrieve


class ReductionReport(eqx.Module):
    """Recall of a full network and of its reductions from the same C cues.

    A rung is one of these R networks; rungs are in the order of simplification.

    Attributes:
        rungs: R names: the full network at each ratio of time constants, then its reductions.
        defined: Whether the reduction exists, shape (R,); rows of others are NaN, False or -1.
        readout: Read-outs at rest, shape (R, C, N).
        overlap: Overlap of the signs of the read-out with the target, shape (R, C).
        exact: Whether every bit of the target is recalled, shape (R, C).
        activity: Mean |readout|, shape (R, C).
        agreement: Fraction of neurons with the same sign as on the previous rung that is defined,
            shape (R, C); 1 on the first rung.
        result: How recall ended, an index into `nam_jax.solve.OUTCOMES`, shape (R, C).
        certificate: Certificate of the full network.
    """

    rungs: tuple[str, ...] = eqx.field(static=True)
    defined: Bool[Array, " R"]
    readout: Float[Array, "R C N"]
    overlap: Float[Array, "R C"]
    exact: Bool[Array, "R C"]
    activity: Float[Array, "R C"]
    agreement: Float[Array, "R C"]
    result: Array
    certificate: Certificate

    def __str__(self) -> str:
        """Returns a table of overlap, share of exact recalls, activity and agreement by rung.

        A cue whose read-out is not finite is not exact, and is left out of the other means; a line
        counts such recalls.
        """
        head = f"{'rung':32} {'overlap':>8} {'exact':>6} {'active':>7} {'as above':>9}"
        margin = f"certificate margin {float(self.certificate.margin):.3g}"
        columns = zip(self.overlap, self.exact, self.activity, self.agreement, strict=True)
        lines = [
            f"{name:32} " + ("{:8.3f} {:6.2f} {:7.2f} {:9.3f}".format(*map(_mean, row)))
            if bool(there)
            else f"{name:32} {'not defined':>12}"
            for name, there, row in zip(self.rungs, self.defined, columns, strict=True)
        ]
        failed = int(jnp.sum(self.defined[:, None] & ~jnp.isfinite(self.activity)))
        left_out = [f"left out of means, not finite: {failed} recalls"] * (failed > 0)
        return "\n".join([head, *lines, *left_out, margin])


@full
def reduction_report(
    network: NeuronAstrocyte,
    cues: Patterns,
    targets: Patterns,
    *,
    ratios: Sequence[float] = (1.0, 0.1),
    max_time: float = 50.0,
) -> ReductionReport:
    """Returns recall from the same cues by `network` and by all of its reductions.

    The rungs are, in this order:

    1. the full network, with synapses and processes slower or faster than its membranes;
    2. the limit of infinitely fast synapses and processes (certified networks only);
    3. the closed form of that limit (certified networks with linear synapses and processes only);
    4. the paper's continuous dense memory, which assumes alpha = gamma = 0;
    5. its discrete limit by the single pass of the paper's eq 17, taken literally;
    6. its discrete limit by energy differences.

    The function runs in Python and compiles one recall for each rung.

    Args:
        network: The full network; its tensor is made of patterns of -1 and +1.
        cues: Cues, shape (C, N).
        targets: The pattern from which each cue was made, shape (C, N).
        ratios: Time constants of synapses and processes, in membrane times tau_n / max(lambda, 1).
        max_time: Time after which a recall is read out, in the unit of the network.

    Raises:
        ValueError: If there is no ratio or one is not above 0, or the tensor is not made of
            patterns.
    """
    if not ratios or min(ratios) <= 0:
        raise argument_error("ratios", "hold numbers above 0", f"{list(ratios)}")
    verdict = certificate(network)
    ladder = _ladder(network, ratios, certified=bool(verdict.certified))
    rows, above = [], None
    for make in ladder.values():
        row = _undefined(cues) if make is None else _recall(make(), cues, targets, max_time)
        rows.append(row | {"agreement": _agreement(row["readout"], above)})
        above = above if make is None else row["readout"]
    table = jax.tree.map(lambda *leaves: jnp.stack(leaves), *rows)
    defined = jnp.array([make is not None for make in ladder.values()])
    return ReductionReport(rungs=tuple(ladder), defined=defined, certificate=verdict, **table)


def _ladder(
    network: NeuronAstrocyte, ratios: Sequence[float], *, certified: bool
) -> dict[str, Callable[[], AbstractNetwork] | None]:
    """Returns a function that makes the network of each rung, or None if it does not exist."""
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
    network: AbstractNetwork, cues: Patterns, targets: Patterns, max_time: float | Scalar
) -> dict[str, Any]:
    def with_time(_: AbstractNetwork) -> AbstractHow:
        return eqx.tree_at(lambda how: how.max_time, COARSE, max_time)

    how = network.by_kind(flows=with_time, updates=lambda _: None, passes=lambda _: None)

    def one(cue: Pattern, target: Pattern) -> dict[str, Any]:
        retrieval = retrieve(network, cue, how=how)
        return {
            "readout": retrieval.pattern,
            "overlap": overlap(jnp.sign(retrieval.pattern), target),
            "exact": exact_recall(retrieval.pattern, target),
            "activity": retrieval.activity,
            "result": outcome(retrieval.result),
        }

    return jax.vmap(one)(cues, targets)


def _undefined(cues: Patterns) -> dict[str, Any]:
    """Returns the rows of a reduction that does not exist: NaN, False and -1."""
    missing = jnp.full(cues.shape[0], jnp.nan, cues.dtype)
    return {
        "readout": jnp.full_like(cues, jnp.nan),
        "overlap": missing,
        "exact": jnp.zeros(cues.shape[0], bool),
        "activity": missing,
        "result": jnp.full(cues.shape[0], -1),
    }


def _agreement(readout: Patterns, above: Patterns | None) -> Float[Array, " C"]:
    """Returns the fraction of neurons with the sign that they have in `above`; 1 for None."""
    if above is None:
        return jnp.ones(readout.shape[0], readout.dtype)
    same = (jnp.sign(readout) == jnp.sign(above)).astype(readout.dtype)
    return jnp.where(jnp.isnan(readout[:, 0]), jnp.nan, jnp.mean(same, axis=1))


def _mean(values: Array) -> float:
    return float(jnp.nanmean(values.astype(float)))
