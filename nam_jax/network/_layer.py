"""Layers of a network with an energy: what the flow and its derivatives need of each of them."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from nam_jax._types import Scalar
from nam_jax.lagrangian import AbstractLagrangian, Quadratic


class Layer(eqx.Module):
    """One layer of a network with an energy: inertia du/dt = -dE/dy, y the activation at u.

    E holds the term `leak` (u . y - L), so that the flow is inertia du/dt = -leak u + forces that
    depend on activations only. Where an activation stands twice in E, as symmetric pairs do,
    `leak` and `inertia` are half the layer's own.

    Attributes:
        lagrangian: L; its gradient is the activation.
        leak: The layer's leak as it stands in E, at least 0.
        inertia: The layer's time constant, in the same measure, above 0.
        symmetric: Whether its states are symmetric N x N arrays.
        held: None, or true where a unit is held and its state not looked at.
    """

    lagrangian: AbstractLagrangian
    leak: Scalar
    inertia: Scalar
    symmetric: bool = eqx.field(default=False, static=True)
    held: Bool[Array, "..."] | None = None

    def bend(self, u: Float[Array, "..."], v: Float[Array, "..."]) -> Float[Array, "..."]:
        """H v, with H the Hessian of the Lagrangian at u: the change of the activation along v."""
        return jax.jvp(self.lagrangian.activation, (u,), (v,))[1]

    def slope(self, u: Float[Array, "..."]) -> Float[Array, "..."]:
        """The diagonal of H, the Hessian of the Lagrangian at u.

        One number for a linear layer, which saves passes over N x N arrays; for a Lagrangian that
        couples entries the size of H along a random direction.
        """
        if isinstance(self.lagrangian, Quadratic):
            return self.lagrangian.gain.astype(u.dtype)
        if self.lagrangian.additive:
            return self.bend(u, jnp.ones_like(u))
        probe = jax.random.normal(jax.random.key(0), u.shape, u.dtype)
        size = jnp.linalg.norm(self.bend(u, probe)) / jnp.linalg.norm(probe)
        return jnp.full_like(u, size)

    def moves(self, slope: Float[Array, "..."]) -> Bool[Array, "..."] | None:
        """Where an activation of a given `slope` can change; None for everywhere.

        Not where a unit is held, nor where its slope is rounding, as 1 - tanh(u)^2 is a difference
        of numbers near 1.
        """
        free = None if self.held is None else ~self.held
        if not self.lagrangian.additive or isinstance(self.lagrangian, Quadratic):
            return free
        bound = self.lagrangian.slope_bound.astype(slope.dtype)
        bound = jnp.where(jnp.isfinite(bound), bound, jnp.max(slope))
        steep = slope > 100 * jnp.finfo(slope.dtype).eps * bound
        return steep if free is None else free & steep
