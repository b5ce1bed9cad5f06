"""`retrieve`: recalls a pattern from a damaged cue, with any network."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Bool, Float, Int, PyTree

from nam_jax._misc import lines, on_mesh_of, real_numbers
from nam_jax._precision import full
from nam_jax._types import Pattern, Scalar
from nam_jax.network import AbstractNetwork, check_cue
from nam_jax.solve._doors import (
    as_network,
    numbers_as_arrays,
    prepared,
    raise_unless,
    refuse_traced,
)
from nam_jax.solve._how import AbstractHow
from nam_jax.solve._integrate import in_dtype_of
from nam_jax.solve._result import RESULTS, brief_result
from nam_jax.solve._settle import Equilibrium, rested, settled


class Retrieval(eqx.Module):
    """A recalled pattern; from `retrieve_all` a batch of them, with a leading axis.

    Attributes:
        pattern: The readout of `state`, graded; its signs are the recalled bits. (N,), or (M,) for
            a feedforward network whose answers have M entries.
        state: The last state; at rest if `result` is `converged`. From `retrieve_all` None, unless
            asked for.
        steps: Number of solver steps, updates of all neurons, or passes.
        time: The time that recall took, in the unit of the time constants; equal to `steps` for
            discrete and feedforward networks.
        energy: Energy of `state`; NaN if the network has no energy.
        activity: Mean |pattern|.
        known: Whether the cue was recognised: whether `activity` is at least `silence`; for a
            feedforward network that keeps its patterns, `silence` times their activity. With leak
            gating the activity decays after an unknown cue, so that the network becomes silent.
            None for networks whose activity does not tell: discrete ones, whose neurons are always
            at -1 or 1, and dendritic ones, whose neurons fire at rest.
        memory: The row, among the stored patterns, of the one most similar to `pattern` (by the
            cosine of the angle between them); None if the network keeps no patterns.
        residual: How far `state` is from rest; see [`nam_jax.solve.Equilibrium`][].
        result: How recall ended.
        ts: (T,) saved times; None if nothing was saved.
        observables: The saved values by name, with the axis T; at times after the end those of the
            last state. Empty if nothing was saved.
        slot_use: From `retrieve_all`, where slots were refilled: which share of the steps of all
            slots, on the device that recalled this cue, was a step of a recall. The rest was spent
            by slots that waited for a cue. 0 if no recall took a step; None where no slots were
            refilled.
    """

    pattern: Pattern
    state: Any
    steps: Array
    time: Scalar
    energy: Scalar
    activity: Scalar
    known: Bool[Array, ""] | None
    memory: Int[Array, ""] | None
    residual: Scalar
    result: RESULTS
    ts: Float[Array, " T"] | None
    observables: dict[str, PyTree[Array]]
    slot_use: Scalar | None = None

    def __repr__(self) -> str:
        return lines(self, brief_result)

    @property
    def is_active(self) -> Bool[Array, ""]:
        """`known`, or True for networks whose activity does not tell."""
        return jnp.ones_like(self.activity, bool) if self.known is None else self.known


@full
def retrieve(
    network: AbstractNetwork,
    cue: ArrayLike | Sequence[Any],
    *,
    how: AbstractHow | None = None,
    drive: Any = None,
    silence: ArrayLike = 0.5,
    throw: bool = False,
) -> Retrieval:
    """Returns the pattern that a network recalls from a cue.

    Recall starts at `network.initial_state(cue)`, goes on as in [`nam_jax.settle`][], and ends with
    `network.readout`. Its derivatives are those of `settle`. Derivatives by `cue` are zero, and so
    are the derivatives of `time`.

    Args:
        network: Any network.
        cue: (N,) finite real numbers: floats, whole numbers, 8-bit pixels or booleans, in an array
            or a list. They are converted to the network's dtype. For many cues use
            [`nam_jax.retrieve_all`][], or `jax.vmap` within compiled programs.
        how: The settings for the kind of network, as for [`nam_jax.settle`][]; None for the
            defaults.
        drive: Constant inputs to the network; None for no inputs.
        silence: Activity below which the network counts as silent and the cue as unknown; for a
            feedforward network that keeps its patterns, a share of their activity.
        throw: Whether to raise an error unless the result is `converged` or `passed`.

    Returns:
        A `Retrieval`. Under `jax.vmap` a cue that holds NaN or infinity gives the result
        `non_finite` and does not change the results of other cues.

    Raises:
        ValueError: If `cue` has the wrong length, holds complex numbers, or is not finite; if the
            network takes no such drive, or it is a function of time without declared jumps; if
            `how` is for networks of another kind; or if `throw` is True under jit, vmap or grad.
        RuntimeError: If `throw` is True and the result is neither `converged` nor `passed`.
    """
    refuse_traced(throw, network, cue, drive, how)
    drive, settings = prepared(as_network(network), drive, how)
    array = real_numbers("cue", cue)
    check_cue(cue, network.dtype, nan_allowed=network.nan_allowed)
    silence = numbers_as_arrays(silence, network.dtype)
    with on_mesh_of(cue, network, drive):
        retrieval = _recalled(network, array, drive, settings, silence)
    if throw:
        raise_unless(retrieval.result, RESULTS.converged, RESULTS.passed)
    return retrieval


def recalled(
    network: AbstractNetwork,
    cue: Array,
    drive: Any,
    how: Any,
    silence: Any,
    save: Any = None,
    times: Float[Array, " T"] | None = None,
) -> Retrieval:
    """Returns what `retrieve` returns, for checked arguments, with observables saved at `times`."""
    state = in_dtype_of(network, network.initial_state(cue))
    ts, rows = None, {}
    if times is None:
        equilibrium = settled(network, state, drive, how)
    else:
        equilibrium, ended = rested(network.flowing(), state, drive, how, save, times)
        ts, rows = times, ended.rows
    return retrieval_at(network, equilibrium, drive, silence, ts, rows)


@full
def retrieval_at(
    network: AbstractNetwork,
    equilibrium: Equilibrium,
    drive: Any,
    silence: Any,
    ts: Float[Array, " T"] | None = None,
    rows: Any = None,
) -> Retrieval:
    """Returns what `recalled` returns, of a network that has come to an end.

    Args:
        network: The network.
        equilibrium: The end.
        drive: Its inputs.
        silence: As for `retrieve`.
        ts: (T,) saved times; None for none.
        rows: The saved values.
    """
    pattern = network.readout(equilibrium.state)
    activity = jnp.mean(jnp.abs(pattern))
    if network.has_energy:
        energy = network.energy(equilibrium.state, drive, equilibrium.time)
    else:
        energy = jnp.full_like(equilibrium.time, jnp.nan)
    known, memory = _recognised(network, pattern, activity, silence)
    return Retrieval(
        pattern, equilibrium.state, equilibrium.steps, equilibrium.time, energy, activity, known,
        memory, equilibrium.residual, equilibrium.result, ts, {} if rows is None else rows,
    )  # fmt: skip


_recalled = eqx.filter_jit(recalled)


def _recognised(
    network: AbstractNetwork, pattern: Pattern, activity: Scalar, silence: Any
) -> tuple[Bool[Array, ""] | None, Int[Array, ""] | None]:
    """Returns whether the cue was recognised, and the row of the recalled pattern."""
    rows = network.stored_rows()
    memory, level = None, silence
    if rows is not None:
        sizes = jnp.linalg.norm(rows, axis=1)
        memory = jnp.argmax(rows @ pattern / jnp.where(sizes > 0, sizes, 1)).astype(jnp.int32)
        # Answers of a feedforward network are sums of its rows. Activations of neurons are not:
        # they do not shrink with the rows of a tensor. A row of zeros stores nothing.
        num_stored = jnp.maximum(jnp.sum((sizes > 0).astype(rows.dtype)), 1)
        usual = jnp.sum(jnp.mean(jnp.abs(rows), axis=1)) / num_stored
        level = network.by_kind(
            flows=lambda _: silence, updates=lambda _: silence, passes=lambda _: silence * usual
        )
    return (activity >= level if network.can_be_silent else None), memory
