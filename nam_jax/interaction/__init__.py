"""Interactions: terms of an energy between the activations of some layers of a network.

| interaction | energy | of the layers |
|---|---|---|
| `Bias(y, b)` | -b . y | any shape |
| `Bilinear(v, h, W)` | -h . W v | any shapes |
| `Convolution(v, h, W)` | -h . conv(v, W) | images |
| `Pool(v, h, size)` | -c h . mean pool of v | images |
| `Pairwise(y, W)` | -1/2 y . W y | any shape |
| `Setwise(y, sets, w)` | -sum w prod y_i over sets of units | any shape |
| `Dense(y, Xi, F)` | -t sum F(xi . y) | (N,), or rows of N |
| `Attention(y, W_K, W_Q)` | -1/beta sum log sum exp(beta K . Q) | tokens (T, D) |
| `Prediction(x, y, W, b)` | 1/2 &#124;x - f(W y + b)&#124;^2 | any shapes |
| `Anchor(y, target)` | kappa/2 &#124;mask (y - target)&#124;^2 | any shape |
| `Outer(phi, g)` | -1/2 sum g_ij phi_i phi_j | neurons and pairs |
| `Pairing(g, psi)` | -1/2 sum psi . g | two layers of pairs |
| `Tensor(psi, T)` | -1/4 psi . T psi | pairs |

[`nam_jax.network.EnergyNetwork`][] joins layers by them.
"""

from nam_jax.interaction._attention import Attention
from nam_jax.interaction._base import AbstractInteraction
from nam_jax.interaction._linear import Bias, Bilinear, Convolution, Pairwise, Pool
from nam_jax.interaction._memory import Dense, Setwise
from nam_jax.interaction._pairs import Outer, Pairing, Tensor
from nam_jax.interaction._prediction import Anchor, Prediction

__all__ = [
    "AbstractInteraction",
    "Anchor",
    "Attention",
    "Bias",
    "Bilinear",
    "Convolution",
    "Dense",
    "Outer",
    "Pairing",
    "Pairwise",
    "Pool",
    "Prediction",
    "Setwise",
    "Tensor",
]
