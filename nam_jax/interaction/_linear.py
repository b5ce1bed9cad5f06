"""Interactions that are linear in each layer: biases, weights, convolutions, pools."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from nam_jax._misc import argument_error, as_float, check_finite, check_whole, symmetrise
from nam_jax._types import Scalar
from nam_jax.interaction._base import (
    AbstractInteraction,
    Activation,
    Shape,
    check_shape,
    like,
    named,
    numbers,
    size_of,
    some,
)


class Bias(AbstractInteraction):
    """E = -b . y: a constant force b on a layer, which training can change.

    An input to the layer has the same effect, but belongs to a recall and not to the network.

    Attributes:
        joins: The name of the layer.
        values: b, of the shape of the layer.
    """

    joins: tuple[str, ...] = eqx.field(static=True)
    values: Float[Array, "..."]

    def __init__(self, layer: str, values: ArrayLike):
        """Pulls a layer by `values`.

        Raises:
            ValueError: If `values` are not finite.
        """
        self.joins = (layer,)
        self.values = as_float(values)
        check_finite("values", self.values)

    def energy(self, *activations: Activation) -> Scalar:
        (layer,) = activations
        return -jnp.vdot(like(self.values, layer), layer)

    def forces(self, *activations: Activation) -> tuple[Activation]:
        (layer,) = activations
        return (like(self.values, layer),)

    def check(self, *shapes: Shape) -> None:
        (layer,) = shapes
        check_shape("values", self.values.shape, layer, named(self.joins, layer))

    def degree(self, *free: bool) -> float | int:
        return some(free)


class Bilinear(AbstractInteraction):
    """E = -h . W v, with the forces W^T h on v and W v on h.

    Layers of any shapes are taken as vectors. Chains of such terms are the hierarchical memory of
    Krotov (arXiv 2107.06446); one of them is the two-layer memory of Krotov & Hopfield (arXiv
    2008.06996).

    Attributes:
        joins: The names of v and h.
        weights: W, (units of h, units of v).
    """

    joins: tuple[str, ...] = eqx.field(static=True)
    weights: Float[Array, "M N"]

    def __init__(self, first: str, second: str, weights: ArrayLike):
        """Joins `first` (v) and `second` (h).

        Raises:
            ValueError: If `weights` are no matrix of finite numbers.
        """
        self.joins = (first, second)
        self.weights = numbers("weights", weights, 2)

    def energy(self, *activations: Activation) -> Scalar:
        first, second = activations
        return -jnp.vdot(second, like(self.weights, first) @ first.ravel())

    def forces(self, *activations: Activation) -> tuple[Activation, Activation]:
        first, second = activations
        weights = like(self.weights, first)
        back = (second.ravel() @ weights).reshape(first.shape)
        return back, (weights @ first.ravel()).reshape(second.shape)

    def check(self, *shapes: Shape) -> None:
        first, second = shapes
        needed = (size_of(second), size_of(first))
        check_shape("weights", self.weights.shape, needed, named(self.joins, first, second))

    def degree(self, *free: bool) -> float | int:
        return some(free)


class Pairwise(AbstractInteraction):
    """E = -1/2 y . W y within one layer, with the force (W + W^T) y / 2.

    Only the symmetric part of W counts. Source: Hopfield 1984, PNAS 81, 3088.

    Attributes:
        joins: The name of the layer.
        weights: W, (units, units).
    """

    joins: tuple[str, ...] = eqx.field(static=True)
    weights: Float[Array, "N N"]

    def __init__(self, layer: str, weights: ArrayLike):
        """Joins a layer to itself.

        Raises:
            ValueError: If `weights` are no matrix of finite numbers.
        """
        self.joins = (layer,)
        self.weights = numbers("weights", weights, 2)

    def energy(self, *activations: Activation) -> Scalar:
        (layer,) = activations
        return -jnp.vdot(layer, like(self.weights, layer) @ layer.ravel()) / 2

    def forces(self, *activations: Activation) -> tuple[Activation]:
        (layer,) = activations
        weights = symmetrise(like(self.weights, layer))
        return ((weights @ layer.ravel()).reshape(layer.shape),)

    def check(self, *shapes: Shape) -> None:
        (layer,) = shapes
        needed = (size_of(layer),) * 2
        check_shape("weights", self.weights.shape, needed, named(self.joins, layer))

    def degree(self, *free: bool) -> float | int:
        return 2 * some(free)


class Convolution(AbstractInteraction):
    """E = -h . conv(v, W): images v and maps of features h, joined by one kernel for all places.

    The force on h is the convolution of v, that on v the transposed convolution of h. Source:
    Krotov, arXiv 2107.06446.

    Attributes:
        joins: The names of v, (rows, columns, channels), and h, (rows', columns', features).
        kernel: W, (kernel rows, kernel columns, channels, features).
        stride: Step of the kernel in pixels; rows' = (rows - kernel rows) // stride + 1.
    """

    joins: tuple[str, ...] = eqx.field(static=True)
    kernel: Float[Array, "kh kw C F"]
    stride: int = eqx.field(static=True)

    def __init__(self, image: str, features: str, kernel: ArrayLike, *, stride: int = 1):
        """Joins `image` (v) and `features` (h).

        Raises:
            ValueError: If `kernel` does not have four axes and finite numbers, or `stride` is below
                1.
        """
        check_whole("stride", stride)
        self.joins = (image, features)
        self.kernel = numbers("kernel", kernel, 4)
        self.stride = stride

    def energy(self, *activations: Activation) -> Scalar:
        image, features = activations
        return -jnp.vdot(features, self._convolved(image))

    def check(self, *shapes: Shape) -> None:
        image, features = shapes
        layers = named(self.joins, image, features)
        if len(image) != 3 or len(features) != 3:
            requirement = "join layers of shapes (rows, columns, channels)"
            raise argument_error("kernel", requirement, layers)
        *window, _, maps = self.kernel.shape
        check_shape("kernel", self.kernel.shape, (*window, image[2], features[2]), layers)
        sizes = zip(image[:2], window, strict=True)
        places = tuple((size - side) // self.stride + 1 for size, side in sizes)
        if features[:2] != places:
            requirement = f"lead to features of shape {(*places, maps)} from `{self.joins[0]}`"
            raise argument_error("kernel", requirement, layers)

    def degree(self, *free: bool) -> float | int:
        return some(free)

    def _convolved(self, image: Activation) -> Activation:
        return jax.lax.conv_general_dilated(
            image[None],
            like(self.kernel, image),
            (self.stride, self.stride),
            "VALID",
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )[0]


class Pool(AbstractInteraction):
    """E = -c h . pool(v), where pool is the mean over squares of pixels that do not overlap.

    Source: Krotov, arXiv 2107.06446. A maximum in place of the mean would have no curvature and,
    at ties, no slope.

    Attributes:
        joins: The names of v, (rows, columns, channels), and h, (rows / size, columns / size,
            channels).
        size: Side of a square in pixels.
        strength: c.
    """

    joins: tuple[str, ...] = eqx.field(static=True)
    size: int = eqx.field(static=True)
    strength: Scalar

    def __init__(self, image: str, pooled: str, size: int, *, strength: float | Scalar = 1.0):
        """Joins `image` (v) and `pooled` (h).

        Raises:
            ValueError: If `size` is below 1.
        """
        check_whole("size", size)
        self.joins = (image, pooled)
        self.size = size
        self.strength = as_float(strength)

    def energy(self, *activations: Activation) -> Scalar:
        image, pooled = activations
        rows, columns, channels = pooled.shape
        squares = image.reshape(rows, self.size, columns, self.size, channels)
        return -like(self.strength, image) * jnp.vdot(pooled, jnp.mean(squares, axis=(1, 3)))

    def check(self, *shapes: Shape) -> None:
        image, pooled = shapes
        fits = len(image) == 3 and all(side % self.size == 0 for side in image[:2])
        needed = (image[0] // self.size, image[1] // self.size, image[2]) if fits else None
        if pooled != needed:
            requirement = "divide the sides of an image (rows, columns, channels) into its pools"
            raise argument_error(
                "size", requirement, f"{self.size} for {named(self.joins, image, pooled)}"
            )

    def degree(self, *free: bool) -> float | int:
        return some(free)
