"""Measures of recall, capacity, basins of attraction, energy descent and the certificate."""

from nam_jax.measure._age import ByAge as ByAge
from nam_jax.measure._age import by_age
from nam_jax.measure._basin import REACHED, basin
from nam_jax.measure._basin import Basin as Basin
from nam_jax.measure._basin import Radius as Radius
from nam_jax.measure._capacity import Capacity as Capacity
from nam_jax.measure._capacity import capacity
from nam_jax.measure._certificate import Certificate as Certificate
from nam_jax.measure._certificate import certificate
from nam_jax.measure._criterion import (
    AbstractCriterion,
    FixedPoint,
    OneStep,
    Recall,
    all_at_once,
    one_by_one,
)
from nam_jax.measure._energy import largest_energy_rise
from nam_jax.measure._probit import ProbitLine as ProbitLine
from nam_jax.measure._rates import separable_recall, strict_recall
from nam_jax.measure._recall import Rate, bit_error, exact_recall, overlap, rate
from nam_jax.measure._reduction import ReductionReport as ReductionReport
from nam_jax.measure._reduction import reduction_report
from nam_jax.measure._scan import Scan as Scan
from nam_jax.measure._scan import scan
from nam_jax.measure._settings import COARSE as COARSE
from nam_jax.measure._settings import coarse as coarse
from nam_jax.measure._stability import FastCertificate as FastCertificate
from nam_jax.measure._stability import stability

__all__ = [
    "REACHED",
    "AbstractCriterion",
    "FixedPoint",
    "OneStep",
    "Rate",
    "Recall",
    "all_at_once",
    "basin",
    "bit_error",
    "by_age",
    "capacity",
    "certificate",
    "exact_recall",
    "largest_energy_rise",
    "one_by_one",
    "overlap",
    "rate",
    "reduction_report",
    "scan",
    "separable_recall",
    "stability",
    "strict_recall",
]
