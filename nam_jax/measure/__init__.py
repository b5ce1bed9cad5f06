"""Measures: what a recall achieved, whether energy fell, and which regime a network is in."""

from nam_jax.measure._certificate import Certificate, certificate
from nam_jax.measure._energy import energy_rate_along_flow, largest_energy_rise
from nam_jax.measure._recall import Rate, bit_error, exact_recall, overlap, rate
from nam_jax.measure._reduction import ReductionReport, reduction_report, with_ratio

__all__ = [
    "Certificate",
    "Rate",
    "ReductionReport",
    "bit_error",
    "certificate",
    "energy_rate_along_flow",
    "exact_recall",
    "largest_energy_rise",
    "overlap",
    "rate",
    "reduction_report",
    "with_ratio",
]
