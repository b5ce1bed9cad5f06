"""Emulates on a CPU how GPUs and TPUs multiply matrices of float32.

    GPU: the precisions DEFAULT and HIGH round the factors to TF32, with 10 bits after the point.
    TPU: DEFAULT rounds them to bfloat16, with 7 bits; HIGH splits each factor into a sum of two
    numbers of bfloat16 and adds three of the four products.

HIGHEST is float32 on both. Products are summed in float32. All products are rounded here; devices
may spare small ones, so that they are at most as coarse as this. Emulation changes how JAX lowers
products in this process from then on: use a process of its own, and keep no programs of it.
"""

from collections.abc import Callable
from typing import Any, Literal

import jax
from jax import lax
from jax._src.lax.convolution import _conv_general_dilated_lower, conv_general_dilated_p
from jax._src.lax.lax import _dot_general_lower
from jax.interpreters import mlir
from jax.lax import Precision

Device = Literal["gpu", "tpu"]
TF32, BFLOAT16 = 10, 7
"""Bits after the point."""
EXACT = (Precision.HIGHEST, Precision.HIGH)
"""A precision that nobody else asks for: of products whose factors are rounded already."""


def emulate(device: Device, *, heed: bool = True) -> None:
    """Lets the products of this process round their factors as `device` does.

    Args:
        device: The device.
        heed: Whether the precision that a product asks for is heeded; if False all are DEFAULT.
    """
    jax.config.update("jax_enable_compilation_cache", False)
    rules: dict[Any, Callable[..., Any]] = {
        lax.dot_general_p: _dot_general_lower,
        conv_general_dilated_p: _conv_general_dilated_lower,
    }
    for primitive, usual in rules.items():
        mlir.register_lowering(primitive, _rule(primitive, usual, device, heed), platform="cpu")


def rounded(x: Any, bits: int) -> Any:
    """Returns `x` rounded to `bits` bits after the point, ties to even."""
    return lax.reduce_precision(x, exponent_bits=8, mantissa_bits=bits)


def _rule(
    primitive: Any, usual: Callable[..., Any], device: Device, heed: bool
) -> Callable[..., Any]:
    def lower(ctx: Any, lhs: Any, rhs: Any, *, precision: Any, **parameters: Any) -> Any:
        asked = _coarser(precision) if heed else Precision.DEFAULT
        floats = {"float32"} == {aval.dtype.name for aval in ctx.avals_in}
        if not floats or asked == Precision.HIGHEST or precision == EXACT:
            return usual(ctx, lhs, rhs, precision=precision, **parameters)

        def product(a: Any, b: Any) -> Any:
            def exact(a: Any, b: Any) -> Any:
                return primitive.bind(a, b, precision=EXACT, **parameters)

            if device == "gpu":
                return exact(rounded(a, TF32), rounded(b, TF32))
            high_a, high_b = rounded(a, BFLOAT16), rounded(b, BFLOAT16)
            if asked == Precision.DEFAULT:
                return exact(high_a, high_b)
            low_a, low_b = rounded(a - high_a, BFLOAT16), rounded(b - high_b, BFLOAT16)
            return exact(high_a, low_b) + exact(low_a, high_b) + exact(high_a, high_b)

        return mlir.lower_fun(product, multiple_results=False)(ctx, lhs, rhs)

    return lower


def _coarser(precision: Any) -> Precision:
    """Returns the precision that a product asks for; DEFAULT if it asks for none."""
    if precision is None:
        return Precision.DEFAULT
    given = precision if isinstance(precision, tuple) else (precision,)
    return min(given, key=[Precision.DEFAULT, Precision.HIGH, Precision.HIGHEST].index)
