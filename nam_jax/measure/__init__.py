"""Measures: what a recall achieved, whether energy fell, and which regime a network is in."""

from nam_jax.measure._age import ByAge, by_age
from nam_jax.measure._basin import REACHED, Basin, Radius, basin
from nam_jax.measure._capacity import Capacity, capacity
from nam_jax.measure._certificate import Certificate, certificate
from nam_jax.measure._criterion import (
    AbstractCriterion,
    FixedPoint,
    OneStep,
    Recall,
    all_at_once,
    one_by_one,
)
from nam_jax.measure._energy import energy_rate_along_flow, largest_energy_rise
from nam_jax.measure._rates import separable_recall, strict_recall
from nam_jax.measure._recall import Rate, bit_error, exact_recall, overlap, rate
from nam_jax.measure._reduction import ReductionReport, reduction_report, with_ratio
from nam_jax.measure._scan import Scan, scan

__all__ = [
    "REACHED",
    "AbstractCriterion",
    "Basin",
    "ByAge",
    "Capacity",
    "Certificate",
    "FixedPoint",
    "OneStep",
    "Radius",
    "Rate",
    "Recall",
    "ReductionReport",
    "Scan",
    "all_at_once",
    "basin",
    "bit_error",
    "by_age",
    "capacity",
    "certificate",
    "energy_rate_along_flow",
    "exact_recall",
    "largest_energy_rise",
    "one_by_one",
    "overlap",
    "rate",
    "reduction_report",
    "scan",
    "separable_recall",
    "strict_recall",
    "with_ratio",
]
