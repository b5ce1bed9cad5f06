"""The interactions that every contract test runs over: one row each in `INTERACTIONS`."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import jax.random as jr

from nam_jax.interaction import (
    Anchor,
    Attention,
    Bias,
    Bilinear,
    Convolution,
    Dense,
    Outer,
    Pairing,
    Pairwise,
    Pool,
    Prediction,
    Setwise,
    Tensor,
)
from nam_jax.lagrangian import LogCosh
from nam_jax.memory import Exponential, LogSumExp, PatternTensor, RectifiedPower

EDGES = [[0, 1], [2, 5], [1, 4]]
TRIANGLES = [[0, 1, 2], [3, 1, 5]]
HALF = jnp.arange(5) % 2 == 0
OUTER = jnp.outer(HALF, HALF)


class Row(NamedTuple):
    """One interaction of the table.

    Attributes:
        make: Makes it from a random key and the dtype of its numbers.
        shapes: Shapes of the layers that it joins.
        wrong: Shapes that it refuses.
        told: What the refusal says, beside these shapes.
    """

    make: Callable[[Any, Any], Any]
    shapes: tuple[tuple[int, ...], ...]
    wrong: tuple[tuple[int, ...], ...]
    told: str = "`"

    def __call__(self, key, dtype=float):
        return self.make(key, dtype)


def tensor(key, d):
    return PatternTensor(jr.rademacher(key, (3, 5), d))


def setwise(key, d, sets=(EDGES, TRIANGLES)):
    keys = jr.split(key, len(sets))
    weights = [jr.normal(k, (len(units),), d) for k, units in zip(keys, sets, strict=True)]
    return Setwise("y", sets, weights)


INTERACTIONS = {
    "bias": Row(
        lambda key, d: Bias("y", jr.normal(key, (2, 3), d)),
        ((2, 3),),
        ((6,),),
        r"\(6,\).* but has shape \(2, 3\)",
    ),
    "bilinear": Row(
        lambda key, d: Bilinear("v", "h", jr.normal(key, (4, 6), d)),
        ((2, 3), (4,)),
        ((2, 2), (4,)),
        r"\(4, 4\).* but has shape \(4, 6\)",
    ),
    "convolution": Row(
        lambda key, d: Convolution("v", "h", jr.normal(key, (3, 2, 2, 3), d)),
        ((5, 4, 2), (3, 3, 3)),
        ((5, 4, 2), (3, 2, 3)),
        r"\(3, 3, 3\)",
    ),
    "convolution-stride": Row(
        lambda key, d: Convolution("v", "h", jr.normal(key, (3, 2, 2, 3), d), stride=2),
        ((6, 5, 2), (2, 2, 3)),
        ((6, 5, 1), (2, 2, 3)),
        r"\(3, 2, 1, 3\).* but has shape \(3, 2, 2, 3\)",
    ),
    "pool": Row(
        lambda key, d: Pool("v", "h", 2, strength=0.7),
        ((4, 6, 2), (2, 3, 2)),
        ((4, 5, 2), (2, 3, 2)),
    ),
    "pairwise": Row(
        lambda key, d: Pairwise("y", jr.normal(key, (6, 6), d)),
        ((2, 3),),
        ((7,),),
        r"\(7, 7\).* but has shape \(6, 6\)",
    ),
    "setwise": Row(setwise, ((6,),), ((5,),), "units below 5.* but has 5"),
    "edges": Row(lambda key, d: setwise(key, d, (EDGES,)), ((2, 3),), ((2, 2),), "below 4"),
    "dense": Row(
        lambda key, d: Dense("y", jr.normal(key, (3, 5), d), strength=0.4),
        ((5,),),
        ((4,),),
        r"\(3, 4\).* but has shape \(3, 5\)",
    ),
    "dense-softmax": Row(
        lambda key, d: Dense("y", jr.normal(key, (3, 5), d), LogSumExp(1.3)), ((5,),), ((4,),)
    ),
    "dense-exponential": Row(
        lambda key, d: Dense("y", jr.normal(key, (3, 5), d), Exponential(0.3)), ((5,),), ((4,),)
    ),
    "dense-tokens": Row(
        lambda key, d: Dense("y", jr.normal(key, (3, 5), d), RectifiedPower(2)),
        ((4, 5),),
        ((5, 4),),
        r"\(3, 4\).* but has shape \(3, 5\)",
    ),
    "attention": Row(
        lambda key, d: Attention("y", *jr.normal(key, (2, 2, 3, 4), d), beta=0.8),
        ((5, 4),),
        ((5, 3),),
        r"\(2, 3, 3\).* but has shape \(2, 3, 4\)",
    ),
    "prediction": Row(
        lambda key, d: Prediction(
            "x", "y", jr.normal(key, (6, 4), d), jr.normal(key, (6,), d), function=LogCosh(0.7)
        ),
        ((2, 3), (4,)),
        ((2, 3), (5,)),
        r"\(6, 5\).* but has shape \(6, 4\)",
    ),
    "prediction-linear": Row(
        lambda key, d: Prediction("x", "y", jr.normal(key, (6, 4), d)), ((6,), (4,)), ((5,), (4,))
    ),
    "anchor": Row(
        lambda key, d: Anchor("y", jr.normal(key, (5,), d), mask=HALF, strength=4.0),
        ((5,),),
        ((4,),),
        r"but has shape \(5,\)",
    ),
    "outer": Row(lambda key, d: Outer("x", "s"), ((5,), (5, 5)), ((5,), (4, 4))),
    "outer-masked": Row(
        lambda key, d: Outer("x", "s", mask=~OUTER),
        ((5,), (5, 5)),
        ((4,), (4, 4)),
        r"but has shape \(5, 5\)",
    ),
    "pairing": Row(
        lambda key, d: Pairing("s", "p", mask=OUTER),
        ((5, 5), (5, 5)),
        ((5, 5), (4, 4)),
    ),
    "tensor": Row(lambda key, d: Tensor("p", tensor(key, d)), ((5, 5),), ((4, 4),), r"\(5, 5\)"),
    "tensor-other": Row(
        lambda key, d: Tensor("p", tensor(key, d), other="q"),
        ((5, 5), (5, 5)),
        ((5, 5), (4, 4)),
        r"\(5, 5\)",
    ),
}


def activations_of(row, key, dtype=float):
    """Activations of order one of the joined layers, symmetric where a layer has pairs."""
    keys = jr.split(key, len(row.shapes))
    made = [jr.normal(k, shape, dtype) for k, shape in zip(keys, row.shapes, strict=True)]
    return tuple((y + y.T) / 2 if y.shape == (5, 5) else y for y in made)
