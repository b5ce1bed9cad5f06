"""Networks that answer in passes: correlation matrices, Minerva 2, universal Hopfield."""

from nam_jax.network.one_pass._correlation_matrix import CorrelationMatrix
from nam_jax.network.one_pass._minerva import Echo, Minerva2
from nam_jax.network.one_pass._universal import ModernHopfield, UniversalHopfield

__all__ = [
    "CorrelationMatrix",
    "Echo",
    "Minerva2",
    "ModernHopfield",
    "UniversalHopfield",
]
