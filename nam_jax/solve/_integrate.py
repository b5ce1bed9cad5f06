"""Integration in time: the only file that calls `diffrax.diffeqsolve`."""

from typing import Any

import diffrax as dfx
import jax
import jax.numpy as jnp
import optimistix as optx
from jaxtyping import Array

from nam_jax._types import Scalar
from nam_jax.network import AbstractContinuousNetwork, AbstractNetwork
from nam_jax.solve._result import all_finite, residual
from nam_jax.solve._unrolled import Unrolled

# A method of few stages: near rest the fast layers limit the step, whatever the order.
DEFAULT_SOLVER = Unrolled(dfx.Bosh3())
FORWARD = dfx.ForwardMode()
CHECKPOINTED = dfx.RecursiveCheckpointAdjoint()


def layer_norm(error: Any) -> Scalar:
    """Returns the largest root mean square of any layer.

    A mean over all layers would hide the error of N neurons behind that of N^2 synapses.
    """
    return jnp.max(jnp.stack([optx.rms_norm(leaf) for leaf in jax.tree.leaves(error)]))


def in_dtype_of(network: AbstractNetwork, state: Any) -> Any:
    """Returns `state` in the float dtype in which `network` computes."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, network.dtype), state)


def integrate(
    network: AbstractContinuousNetwork,
    state: Any,
    span: tuple[float | Scalar, float | Scalar],
    drive: Any,
    saveat: dfx.SaveAt,
    *,
    solver: dfx.AbstractSolver,
    rtol: float,
    atol: float,
    rest: float | None,
    max_steps: int,
    adjoint: dfx.AbstractAdjoint,
    step: float | None = None,
) -> dfx.Solution:
    """Returns Diffrax's solution over `span`, with error control or with a fixed `step`.

    The integration ends early if the state is not finite, or if its residual is at most `rest`.
    The solution reports failures and none is raised, so that a bad sample does not end its batch.
    """
    t0, t1 = (jnp.asarray(t, jax.tree.leaves(state)[0].dtype) for t in span)

    scales = [scale.astype(t0.dtype) for scale in jax.tree.leaves(network.time_scales())]
    smallest = 1e-9 * jnp.min(jnp.stack(scales))

    def flow(t: Any, y: Any, args: Any) -> Any:
        return network.vector_field(t, y, args)

    def stop(t: Array, y: Any, args: Any, **_: Any) -> Array:
        # Without the first test a sample that is not finite would take `max_steps` steps while the
        # other samples of its batch wait.
        lost = ~all_finite(y)
        return lost if rest is None else lost | (residual(network, y, args, t) <= rest)

    if step is None:
        # The controller has a proportional part, because near rest the fast layers keep an explicit
        # solver at its stability limit. There, integral control alone makes the step size and the
        # state oscillate.
        controller = dfx.PIDController(
            rtol=rtol, atol=atol, pcoeff=0.4, icoeff=0.3, norm=layer_norm, dtmin=smallest
        )
    else:
        controller = dfx.ConstantStepSize()
    return dfx.diffeqsolve(
        dfx.ODETerm(flow),
        solver,
        t0,
        t1,
        step,
        state,
        args=drive,
        saveat=saveat,
        stepsize_controller=controller,
        event=dfx.Event(stop),
        adjoint=adjoint,
        max_steps=max_steps,
        throw=False,
    )
