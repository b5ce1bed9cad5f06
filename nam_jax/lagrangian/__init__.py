"""Lagrangians: the convex functions that give a layer its activation and its energy.

A layer with states u has a Lagrangian L, from which follow the activations y = dL/du, the energy
u . y - L(u), the inverse of the activation, and a bound on its slope.

| Lagrangian | L(u) | activation | slope bound |
|---|---|---|---|
| `Quadratic(gain)` | gain u^2 / 2 | gain u | gain |
| `LogCosh(beta)` | log(cosh(beta u)) / beta | tanh(beta u) | beta |
| `Softplus(beta)` | log(1 + exp(beta u)) / beta | sigmoid(beta u) | beta / 4 |
| `RectifiedPower(n)` | max(u, 0)^n / n | max(u, 0)^(n-1) | 1 at n = 2, else infinite |
| `Exponential(beta)` | exp(beta u) / beta | exp(beta u) | infinite |
| `LogSumExp(beta)` | log(sum exp(beta u)) / beta | softmax(beta u) | beta / 2 |
| `LayerNorm(gain)` | D gain sqrt(var u + epsilon) | layer normalisation | gain / sqrt(epsilon) |
| `Spherical(epsilon)` | sqrt(u . u + epsilon) | u / sqrt(u . u + epsilon) | 1 / sqrt(epsilon) |

The first five are summed over the entries of u; the last three couple all of them. `Rows(L)` has
one L for each row of u, along the last axis.
"""

from ._additive import Exponential as Exponential
from ._additive import LogCosh as LogCosh
from ._additive import Quadratic as Quadratic
from ._additive import RectifiedPower as RectifiedPower
from ._additive import Softplus as Softplus
from ._base import AbstractLagrangian as AbstractLagrangian
from ._collective import LayerNorm as LayerNorm
from ._collective import LogSumExp as LogSumExp
from ._collective import Rows as Rows
from ._collective import Spherical as Spherical

__all__ = [
    "AbstractLagrangian",
    "Exponential",
    "LayerNorm",
    "LogCosh",
    "LogSumExp",
    "Quadratic",
    "RectifiedPower",
    "Rows",
    "Softplus",
    "Spherical",
]
