"""Small numeric helpers, the one form of error text, and of print. Imports no other room."""

import contextlib
import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float


def argument_error(name: str, requirement: str, value: object) -> ValueError:
    """Returns the error about a bad argument, in the one form that all rooms use.

    For example, `argument_error("size", "be at least 1", 0)` says "Argument `size` must be at least
    1, but has 0."

    Args:
        name: The argument's name as the caller wrote it.
        requirement: The end of a sentence that begins "Argument `name` must".
        value: The value that was given, or a description of it. It follows "but has".
    """
    return ValueError(f"Argument `{name}` must {requirement}, but has {value}.")


def is_concrete(array: object) -> bool:
    """Returns whether `array` has values now, that is, whether it is not traced by jit or vmap."""
    return not isinstance(array, jax.core.Tracer)


def check_finite(name: str, array: Float[Array, "..."] | np.ndarray) -> None:
    """Raises a `ValueError` if `array` holds NaN or infinity; does not check a traced array."""
    if is_concrete(array) and not np.isfinite(np.asarray(array)).all():
        bad = int((~np.isfinite(np.asarray(array))).sum())
        raise argument_error(name, "be finite", f"{bad} entries that are NaN or infinite")


def as_float(array: object) -> Float[Array, "..."]:
    """Returns a JAX array of floats: float dtypes are kept, others become JAX's default float."""
    dtype = getattr(array, "dtype", None)
    is_float = dtype is not None and jnp.issubdtype(dtype, jnp.floating)
    return jnp.asarray(array, jax.dtypes.canonicalize_dtype(dtype if is_float else float))


def wide_integers_as_floats(value: Any) -> Any:
    """Returns an array or nested lists of whole numbers of 64 bits as floats, others as they are.

    Without 64 bits, JAX would keep the last 32 bits of these numbers.
    """
    if isinstance(value, jax.Array) or not all(map(is_concrete, jax.tree.leaves(value))):
        return value
    array = np.asarray(value)
    return array.astype(float) if array.dtype.kind in "iu" and array.dtype.itemsize > 4 else array


def real_numbers(name: str, value: ArrayLike | Sequence[Any]) -> Array:
    """Returns `value`, an array or nested lists of real numbers, as an array of its own dtype.

    Whole numbers of 64 bits become floats, because JAX would keep their last 32 bits only.

    Raises:
        ValueError: If `value` is something else, such as text, ragged lists, or complex numbers.
    """
    try:
        array = jnp.asarray(wide_integers_as_floats(value))
    except (TypeError, ValueError):
        requirement = "be an array of real numbers"
        kind = "text" if isinstance(value, str) else f"a {type(value).__name__} that is none"
        raise argument_error(name, requirement, kind) from None
    if jnp.issubdtype(array.dtype, jnp.complexfloating):
        raise argument_error(name, "hold real numbers", f"dtype {array.dtype}")
    if not (jnp.issubdtype(array.dtype, jnp.number) or array.dtype == bool):
        requirement = "be an array of real numbers"
        raise argument_error(name, requirement, f"dtype {array.dtype}")
    return array


def in_one_dtype(
    first: Float[Array, "..."], second: Float[Array, "..."]
) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    """Returns both arrays in the wider of their float dtypes."""
    dtype = np.promote_types(first.dtype, second.dtype)
    return first.astype(dtype), second.astype(dtype)


def positive_number(
    name: str, value: float | Array, *, zero_allowed: bool = False, most: float | int = math.inf
) -> Float[Array, "..."]:
    """Returns a checked number as a float array.

    Args:
        name: The argument's name, for the error.
        value: The number. A traced number is not checked.
        zero_allowed: Whether the number may be 0.
        most: The largest number that is allowed.

    Raises:
        ValueError: If the number is negative, not finite or above `most`, or if it is 0 and
            `zero_allowed` is False.
    """
    number = as_float(value)
    if not in_range(number, zero_allowed):
        requirement = "be at least 0" if zero_allowed else "be above 0"
        raise argument_error(name, requirement, f"{number:.3g}")
    if is_concrete(number) and float(number) > most:
        raise argument_error(name, f"be at most {most}", f"{number:.3g}")
    return number


def in_range(number: Float[Array, "..."] | np.ndarray, zero_allowed: bool) -> bool:
    """Returns whether `number` is finite and above 0, or 0 if `zero_allowed`.

    A traced number has no value yet and counts as in range.
    """
    if not is_concrete(number):
        return True
    value = np.asarray(number)
    return bool(np.isfinite(value).all() and (value >= 0).all() and (zero_allowed or value.all()))


def check_key(key: object) -> None:
    """Raises a `ValueError` unless `key` is a random key, or None where none is needed.

    Keys as arrays of two or four 32-bit numbers, of `jax.random.PRNGKey`, are taken too.
    """
    dtype = getattr(key, "dtype", None)
    typed = dtype is not None and jax.dtypes.issubdtype(dtype, jax.dtypes.prng_key)
    raw = dtype == np.uint32 and getattr(key, "shape", ())[-1:] in {(2,), (4,)}
    if not (key is None or typed or raw):
        requirement = "be a random key, such as `jax.random.key(0)`"
        given = f"the number {key}" if isinstance(key, int) else f"the type {type(key).__name__}"
        raise argument_error("key", requirement, given)


def check_whole(name: str, value: object, least: int = 1) -> None:
    """Raises a `ValueError` unless `value` is a whole number of at least `least`.

    A traced number is not checked.
    """
    if is_concrete(value):
        number = np.asarray(value)
        whole = np.issubdtype(number.dtype, np.integer) and number.ndim == 0
        if not whole or not least <= number < 2**31:
            raise argument_error(name, f"be a whole number of at least {least}, below 2^31", value)


def varying_like(tree: Any, sample: Float[Array, "..."]) -> Any:
    """Returns `tree`, whose arrays then belong to the same sample as `sample`, for JAX's types.

    The loop of one sample of a batch may start from constants. Where the batch is spread over
    devices (explicit axes of a mesh, or `shard_map`), JAX asks that what differs between samples at
    the end of a loop does so from its start.
    """
    first = jnp.ravel(sample)[0]
    zero = 0 * jnp.where(jnp.isfinite(first), first, jnp.zeros_like(first))

    def vary(leaf: Any) -> Any:
        if not eqx.is_array(leaf):
            return leaf
        if leaf.dtype == bool:
            return leaf | (zero != 0)
        return leaf + zero.astype(leaf.dtype)

    return jax.tree.map(vary, tree)


@contextlib.contextmanager
def on_mesh_of(*arguments: Any) -> Iterator[None]:
    """Lets what is traced within lie on the mesh of traced `arguments`, as under `jax.set_mesh`.

    Where the samples of a batch are spread over devices by explicit axes of a mesh, JAX would
    otherwise forget the mesh in a choice between constants, and could not batch what follows.
    """
    tracers = [x for x in jax.tree.leaves(arguments) if isinstance(x, jax.core.Tracer)]
    meshes = (cast(Any, jax.typeof(x)).sharding.mesh for x in tracers)
    mesh = next((mesh for mesh in meshes if not mesh.empty), None)
    if mesh is None or not jax.sharding.get_abstract_mesh().empty:
        yield
    else:
        with jax.sharding.use_abstract_mesh(mesh):
            yield


@contextlib.contextmanager
def off_mesh() -> Iterator[None]:
    """Lets numbers that are known while a program is traced be computed on one device.

    Within `shard_map` they are.
    """
    if jax.sharding.get_abstract_mesh().manual_axes:
        yield
    else:
        with jax.sharding.use_abstract_mesh(jax.sharding.AbstractMesh((), ())):
            yield


def device_in_use() -> Any:
    """Returns the device in use: that of `jax.default_device`, or JAX's first one."""
    named = cast(Any, jax.config).jax_default_device  # a device, the name of a platform, or None
    return jax.devices(named)[0] if named is None or isinstance(named, str) else named


def free_memory() -> float:
    """Returns how many bytes are free on the device in use, or in this machine for a CPU."""
    stats = device_in_use().memory_stats()
    if stats and "bytes_limit" in stats:
        return float(stats["bytes_limit"] - stats["bytes_in_use"])
    try:
        with open("/proc/meminfo") as lines:
            kilobytes = next(line.split()[1] for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return float(2**31)  # a small laptop
    return 1024.0 * int(kilobytes)


def symmetrise(matrix: Float[Array, "N N"]) -> Float[Array, "N N"]:
    """Returns the symmetric part (A + A^T) / 2 of a square matrix A."""
    return (matrix + matrix.T) / 2


def zero_diagonal(matrix: Float[Array, "N N"]) -> Float[Array, "N N"]:
    """Returns `matrix` with zeros on its diagonal."""
    return jnp.where(jnp.eye(matrix.shape[0], dtype=bool), 0, matrix)


def axes_of(tree: Any, where: Callable[[Any], Any], axes: Any) -> Any:
    """Returns a tree like `tree` with `axes` at the places that `where` selects, else with None.

    Example: `axes_of(network, lambda n: (n.weights, n.threshold), (0, 0))` says that the weights
    and the threshold may be split along their axis 0, and no other array may be split.

    Args:
        tree: A module.
        where: Selects arrays or modules in `tree`, as for `equinox.tree_at`.
        axes: The axis along which each selected array may be split over devices; for a module a
            tree of such axes.
    """
    no_axes = jax.tree.map(lambda _: None, tree)
    return eqx.tree_at(where, no_axes, axes, is_leaf=lambda leaf: leaf is None)


WIDTH = 100
"""Characters after which a line is cut."""
FEW = 4
"""Entries up to which an array is printed whole."""


def lines(module: Any, brief_field: Callable[[Any], str] | None = None) -> str:
    """Returns the class of `module` and a line for each of its fields.

    For example:

        Hopfield
          weights    float32 (2, 2), from 0 to 1
          threshold  float32 (2,): 0, 0

    Args:
        module: An Equinox module.
        brief_field: Returns the text of a field instead of `brief`.
    """
    write = brief_field or brief
    fields = [field.name for field in dataclasses.fields(module)]
    width = max(map(len, fields), default=0)
    rows = [f"  {name:<{width}}  {write(getattr(module, name))}" for name in fields]
    return "\n".join([type(module).__name__, *(_cut(row) for row in rows)])


def brief(value: Any) -> str:
    """Returns a value in one line: its number, or the class, shape and range of its numbers."""
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return _array(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = [
            f"{field.name}={brief(getattr(value, field.name))}"
            for field in dataclasses.fields(value)
        ]
        return f"{type(value).__name__}({', '.join(parts)})"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {brief(item)}" for key, item in value.items()) or "{}"
    if isinstance(value, tuple | list):
        names = getattr(value, "_fields", None) or [""] * len(value)
        parts = [
            f"{name}={brief(x)}" if name else brief(x) for name, x in zip(names, value, strict=True)
        ]
        return f"({', '.join(parts)})"
    if callable(value):
        return getattr(value, "__name__", type(value).__name__)
    return f"{value:.4g}" if isinstance(value, float) else repr(value)


def _array(array: Any) -> str:
    kind = f"{array.dtype} {tuple(array.shape)}"
    if isinstance(array, jax.core.Tracer | jax.ShapeDtypeStruct):
        return kind
    if not isinstance(array.dtype, np.dtype):
        return kind  # such as a random key
    if isinstance(array, jax.Array) and not (
        array.is_fully_addressable or array.is_fully_replicated
    ):
        return kind  # parts of it are with other processes
    numbers = np.asarray(array)
    if numbers.ndim == 0:
        return _number(numbers)
    if numbers.size <= FEW:
        return f"{kind}: {', '.join(map(_number, numbers.ravel()))}"
    if numbers.dtype == bool:
        return f"{kind}, {int(numbers.sum())} true"
    finite = numbers[np.isfinite(numbers)]
    if not finite.size:
        return f"{kind}, none finite"
    lost = numbers.size - finite.size
    ends = f"from {_number(finite.min())} to {_number(finite.max())}"
    return f"{kind}, {ends}" + (f", {lost} not finite" if lost else "")


def _number(value: Any) -> str:
    return f"{value:.4g}" if np.issubdtype(np.asarray(value).dtype, np.floating) else f"{value}"


def _cut(row: str) -> str:
    return row if len(row) <= WIDTH else row[: WIDTH - 3] + "..."
