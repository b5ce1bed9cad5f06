"""The certificate that synapses and processes have one equilibrium for each neural state."""

import functools
from collections.abc import Sequence
from typing import Any, overload

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool

from nam_jax._misc import argument_error
from nam_jax._precision import full
from nam_jax._types import Scalar
from nam_jax.measure._stability import FastCertificate, fast_certificate
from nam_jax.network import AbstractNetwork, EnergyNetwork, NeuronAstrocyte


class Certificate(eqx.Module):
    """Properties of a network that follow from the spectrum of T.

    Attributes:
        largest_eigenvalue: lambda_max(T).
        smallest_eigenvalue: lambda_min(T).
        margin: (alpha / l_g) (gamma / l_psi - lambda_max) - 1, with slope bounds l_g = sup g' and
            l_psi = sup psi'.
        certified: Whether the margin is above 0 and gamma / l_psi is above lambda_max. If so, (s,
            p) has one equilibrium for each x, which attracts all states; equilibria do not depend
            on time constants, and the layers s and p can be eliminated.
        memory_gain: R = M(t) / M(0) - 1 at t = lambda_max, where M is the strength with which
            (s, p) pass phi phi^T back to the neurons. NaN unless the network is certified and g and
            psi are linear.
        recall_threshold: The overlap m of a cue with R m^3 = 1. Above it, a wrong bit flips; this
            assumes few memories, saturated phi and small lambda. NaN if `memory_gain` is NaN or
            R <= 0.
        relaxation_time: Longest relaxation time of (s, p) on the memory mode, in the unit of the
            time constants; NaN if `memory_gain` is NaN.
    """

    largest_eigenvalue: Scalar
    smallest_eigenvalue: Scalar
    margin: Scalar
    certified: Bool[Array, ""]
    memory_gain: Scalar
    recall_threshold: Scalar
    relaxation_time: Scalar


@overload
def certificate(
    network: EnergyNetwork, *, fast: Sequence[str] | None = None, state: Any = None
) -> FastCertificate: ...


@overload
def certificate(network: AbstractNetwork) -> Certificate: ...


@full
def certificate(
    network: AbstractNetwork, *, fast: Sequence[str] | None = None, state: Any = None
) -> Certificate | FastCertificate:
    """Returns the certificate of `network`, computed from slope bounds and the spectrum of T.

    The network has neurons x, synapses s with leak alpha and activation g, and processes p with
    leak gamma and activation psi; T is its process tensor. l_g = sup g' and l_psi = sup psi' are
    slope bounds, and lambda_max(T) is the largest eigenvalue of T. If

        (alpha / l_g) (gamma / l_psi - lambda_max(T)) > 1,

    then, for fixed x, the energy is a strictly convex function of g and psi. The certificate of a
    composed network is about any fast layers: it compares the curvature of their interactions with
    that of their own energies.

    Args:
        network: A [`nam_jax.network.NeuronAstrocyte`][], or an [`nam_jax.network.EnergyNetwork`][].
        fast: For an `EnergyNetwork` the names of the fast layers; None for all but the visible one.
        state: For an `EnergyNetwork` a state, at whose slow activations the curvature is taken;
            needed only where it depends on them.

    Raises:
        ValueError: If `network` is of another class, or arguments do not fit it.
    """
    return _certificate(network, fast, state)


@functools.singledispatch
def _certificate(network: Any, fast: Any, state: Any) -> Any:
    requirement = (
        "be a NeuronAstrocyte, which has synapses, processes and a tensor T, or an EnergyNetwork"
    )
    raise argument_error("network", requirement, f"the type {type(network).__name__}")


_certificate.register(EnergyNetwork, fast_certificate)


@_certificate.register(NeuronAstrocyte)
def _(network: NeuronAstrocyte, fast: Any, state: Any) -> Certificate:
    if fast is not None or state is not None:
        name, value = ("fast", fast) if fast is not None else ("state", state)
        requirement = "be None for a network that is not an EnergyNetwork"
        raise argument_error(name, requirement, f"the type {type(value).__name__}")
    largest = network.tensor.largest_eigenvalue().astype(network.dtype)
    stiffness_s, stiffness_p = network.stiffness
    margin = network.margin(largest)
    certified = margin > 0

    known = certified & jnp.asarray(network.linear_fast_layers)
    at_memory = (stiffness_p - largest) / margin
    at_rest = stiffness_p / (stiffness_s * stiffness_p - 1)
    gain = jnp.where(known, at_memory / at_rest - 1, jnp.nan)
    return Certificate(
        largest_eigenvalue=largest,
        smallest_eigenvalue=network.tensor.smallest_eigenvalue(),
        margin=margin,
        certified=certified,
        memory_gain=gain,
        recall_threshold=jnp.where(gain > 0, gain, jnp.nan) ** (-1 / 3),
        relaxation_time=jnp.where(known, _slowest(network, largest), jnp.nan),
    )


def _slowest(network: NeuronAstrocyte, eigenvalue: Scalar) -> Scalar:
    """Returns the longest relaxation time of (s, p) on the eigenvector of T with `eigenvalue`.

    It is -1 / (largest eigenvalue of the 2 x 2 Jacobian of (s, p) on that eigenvector).
    """
    slopes = (network.synaptic.slope_bound, network.process.slope_bound)
    numbers = (*network.time_constants[1:], *network.leaks[1:], *slopes)
    tau_s, tau_p, alpha, gamma, slope_s, slope_p = (
        number.astype(network.dtype) for number in numbers
    )
    trace = -alpha / tau_s - (gamma - slope_p * eigenvalue) / tau_p
    determinant = (alpha * (gamma - slope_p * eigenvalue) - slope_s * slope_p) / (tau_s * tau_p)
    return -2 / (trace + jnp.sqrt(trace**2 - 4 * determinant))
