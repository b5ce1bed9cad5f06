"""A layer of neurons, synapses or processes of a network with an energy."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float

from nam_jax._misc import argument_error, positive_number
from nam_jax._precision import AbstractPrecise
from nam_jax._types import Scalar
from nam_jax.lagrangian import AbstractLagrangian, Quadratic


class Layer(AbstractPrecise):
    """A layer with states u: time du/dt = -leak u - dV/dy + input, y the activation at u.

    y is the gradient of the Lagrangian L at u, and V the sum of the interactions of the network.
    The layer adds leak (u . y - L) to the energy E, and inertia du/dt = -dE/dy.

    In a layer of symmetric N x N states each pair ij stands twice in E, as ij and ji. Such a layer
    adds half of that term, and its inertia is time / 2. An interaction adds half of what it would
    add if each pair stood once, so that leak, time and input of a pair keep their meaning.

    Attributes:
        lagrangian: L; its gradient is the activation y.
        leak: At least 0, dimensionless.
        time: Time constant, above 0, in the user's unit of time.
        shape: The shape of u; None where the network knows it.
        pairs: Whether u holds symmetric N x N arrays.
        held: True for units whose state stays as it is at the start; None if no unit is held.
    """

    lagrangian: AbstractLagrangian
    leak: Scalar
    time: Scalar
    shape: tuple[int, ...] | None = eqx.field(static=True)
    pairs: bool = eqx.field(static=True)
    held: Bool[Array, "..."] | None

    def __init__(
        self,
        lagrangian: AbstractLagrangian,
        leak: float | Scalar = 1.0,
        time: float | Scalar = 1.0,
        *,
        shape: int | tuple[int, ...] | None = None,
        pairs: bool = False,
        held: ArrayLike | None = None,
    ):
        """Makes a layer.

        Raises:
            ValueError: If `leak` is negative or `time` not above 0, if `shape` is no shape, not
                (N, N) for a layer of pairs, or not that of `held`.
        """
        self.lagrangian = lagrangian
        self.leak = positive_number("leak", leak, zero_allowed=True)
        self.time = positive_number("time", time)
        self.shape = _checked_shape(shape)
        self.pairs = pairs
        self.held = None if held is None else jnp.asarray(held, bool)
        square = self.shape is None or (len(self.shape) == 2 and len({*self.shape}) == 1)
        if pairs and not square:
            raise argument_error("shape", "be (N, N) for a layer of pairs", self.shape)
        if self.held is not None and self.shape not in {None, self.held.shape}:
            raise argument_error("held", f"have the shape {self.shape}", self.held.shape)

    @property
    def units(self) -> tuple[int, ...]:
        """The shape, of a layer that has one."""
        assert self.shape is not None
        return self.shape

    @property
    def share(self) -> float:
        """1/2 in a layer of pairs, each of which stands twice in E; else 1."""
        return 0.5 if self.pairs else 1.0

    @property
    def leak_in_energy(self) -> Scalar:
        """The leak as it stands in E: half of it in a layer of pairs."""
        return self.share * self.leak

    @property
    def inertia(self) -> Scalar:
        """The factor of du/dt = -dE/dy / inertia: half the time constant in a layer of pairs."""
        return self.share * self.time

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


def _checked_shape(shape: int | tuple[int, ...] | None) -> tuple[int, ...] | None:
    """Returns a shape as a tuple of numbers of at least 1.

    Raises:
        ValueError: If it holds other numbers.
    """
    if shape is None:
        return None
    sizes = tuple(np.atleast_1d(np.asarray(shape)).tolist())
    if not sizes or not all(isinstance(size, int) and size >= 1 for size in sizes):
        raise argument_error("shape", "hold whole numbers of at least 1", shape)
    return sizes
