"""Layers of a network with an energy, as implicit derivatives and energy rates need them."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from nam_jax._types import Scalar
from nam_jax.lagrangian import AbstractLagrangian, Quadratic


class Layer(eqx.Module):
    """A layer of a network with an energy: inertia du/dt = -dE/dy, y the activation at u.

    E holds the term `leak` (u . y - L), so that inertia du/dt = -leak u + forces that depend on
    activations only.

    Attributes:
        lagrangian: L; its gradient is the activation y.
        leak: The layer's leak as it stands in E, at least 0. In a layer of symmetric N x N arrays
            each pair stands twice in E, and this is half the layer's own leak.
        inertia: The layer's time constant, above 0; half of it if `leak` is half.
        symmetric: Whether the states of the layer are symmetric N x N arrays.
        held: True for units whose state is held and does not matter; None if no unit is held.
    """

    lagrangian: AbstractLagrangian
    leak: Scalar
    inertia: Scalar
    symmetric: bool = eqx.field(default=False, static=True)
    held: Bool[Array, "..."] | None = None

    def bend(self, u: Float[Array, "..."], v: Float[Array, "..."]) -> Float[Array, "..."]:
        """Returns H v, the change of the activation along v, with the shape of u.

        Args:
            u: The layer's state.
            v: A direction, with the shape of u.
        """
        return jax.jvp(self.lagrangian.activation, (u,), (v,))[1]

    def slope(self, u: Float[Array, "..."]) -> Float[Array, "..."]:
        """Returns the diagonal of H, the Hessian of the Lagrangian at u, with the shape of u.

        For a linear layer it returns one number, which saves passes over N x N arrays. For a
        Lagrangian that couples entries, every entry is |H v| / |v| for a random direction v.

        Args:
            u: The layer's state.
        """
        if isinstance(self.lagrangian, Quadratic):
            return self.lagrangian.gain.astype(u.dtype)
        if self.lagrangian.additive:
            return self.bend(u, jnp.ones_like(u))
        probe = jax.random.normal(jax.random.key(0), u.shape, u.dtype)
        size = jnp.linalg.norm(self.bend(u, probe)) / jnp.linalg.norm(probe)
        return jnp.full_like(u, size)

    def moves(self, slope: Float[Array, "..."]) -> Bool[Array, "..."] | None:
        """Returns which activations can change; None if all of them can.

        False for held units and for saturated ones, whose slope is only rounding error. For
        example, 1 - tanh(u)^2 is a difference of numbers near 1 for large u.

        Args:
            slope: The slopes of the units, as from `slope`.
        """
        free = None if self.held is None else ~self.held
        if not self.lagrangian.additive or isinstance(self.lagrangian, Quadratic):
            return free
        bound = self.lagrangian.slope_bound.astype(slope.dtype)
        bound = jnp.where(jnp.isfinite(bound), bound, jnp.max(slope))
        steep = slope > 100 * jnp.finfo(slope.dtype).eps * bound
        return steep if free is None else free & steep
