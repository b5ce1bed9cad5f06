"""Claims about predictive coding networks as memories: implicit and dendritic recall, and depth."""

import numpy as np
import xarray as xr

from nam_jax.experiment import predictive
from nam_jax.experiment.claims._finding import Finding, of_bounds
from nam_jax.experiment.claims._once import once
from nam_jax.experiment.claims._registry import claim
from nam_jax.experiment.claims._sources import DERIVED_PREDICTIVE, OURS, PREDICTIVE
from nam_jax.experiment.common import over_seeds

FEW, MANY = 16, 64
"""Stored digits; there are 64 pixels."""
GAUSSIAN, TWO, THREE = "Gaussian, ridge 0.001", "hierarchical 64-64", "hierarchical 64-64-32"


@once
def _measured(fast: bool) -> xr.Dataset:
    """Completions of 16 and of 64 digits by all methods; quick: four seeds, one cue a digit."""
    few = {"num_seeds": 4, "num_masks": 1} if fast else {}
    return predictive.study.run(predictive.study.config(**few))


def _longer(fast: bool, epochs: int) -> xr.Dataset:
    """The same at K = 64 with another number of epochs; its hierarchies hardly learn."""
    few = {"num_seeds": 4, "num_masks": 1} if fast else {}
    config = predictive.study.config(
        num_stored=(MANY,), epochs=epochs, hierarchical_epochs=1, **few
    )
    return predictive.study.run(config)


def _by_seed(dataset: xr.Dataset, memory: str, count: int, measure: str = "error") -> np.ndarray:
    return dataset.by_seed.sel(memory=memory, stored=count, measure=measure).values


@claim(
    "predictive-equivalent",
    "Implicit and dendritic predictive coding recall the same",
    f"{PREDICTIVE}, abstract, taken at its word",
)
def predictive_equivalent(fast: bool) -> Finding:
    """Squared error of 32 unknown pixels at the exact rest of both, and two variables, one held.

    Two variables of correlation rho = 0.3, 0.5, 0.8: the implicit dynamics recall
    2 rho / (1 + rho^2), the dendritic ones rho.
    """
    dataset = _measured(fast)
    rows = {
        count: [_by_seed(dataset, f"{name}, exact", count) for name in ("implicit", "dendritic")]
        for count in (FEW, MANY)
    }
    gap = over_seeds(rows[MANY][0] - rows[MANY][1])
    recalled = dataset.recalled.sel(correlation=0.5)
    pair = [float(recalled.sel(dynamics=name)) for name in ("implicit", "dendritic")]
    meaning = (
        f"error of implicit ({rows[MANY][0].mean():.4f}) less that of dendritic recall "
        f"({rows[MANY][1].mean():.4f}), K = 64; two variables, rho = 0.5: {pair[0]:.3f}, "
        f"{pair[1]:.3f}"
    )
    fine = {
        "K = 16": all(row.max() < 1e-3 for row in rows[FEW]),
        "K = 64": bool(gap[1] <= 0 <= gap[2]),
        "two variables": abs(pair[0] - pair[1]) < 1e-3,
    }
    return Finding(*of_bounds(gap), meaning, fine)


@claim(
    "predictive-conditional",
    "The dendritic network recalls the conditional mean of the stored images",
    f"{DERIVED_PREDICTIVE}; the bound of 10 % is ours",
)
def dendritic_conditional(fast: bool) -> Finding:
    """Squared error of unknown pixels over that of the conditional Gaussian, K = 64."""
    dataset = _measured(fast)
    gaussian = _by_seed(dataset, GAUSSIAN, MANY)
    ratios = {
        name: over_seeds(_by_seed(dataset, name, MANY) / gaussian)
        for name in ("dendritic", "implicit, exact")
    }
    meaning = f"ratio of the errors; implicit network {ratios['implicit, exact'][0]:.2f}"
    fine = {f"{name.split(',')[0]}": bool(abs(row[0] - 1) < 0.1) for name, row in ratios.items()}
    return Finding(*of_bounds(ratios["dendritic"]), meaning, fine)


@claim(
    "predictive-steps",
    "Both dynamics come to rest by the steps of 0.2 that are large enough for neurons",
    f"{OURS}, docs/results/predictive.md",
)
def predictive_steps(fast: bool) -> Finding:
    """Largest eigenvalue of (I - W)^T (I - W); steps above 2 over it diverge."""
    dataset = _measured(fast)
    few, many = (of_bounds(dataset.stiffness.sel(stored=count).values) for count in (FEW, MANY))
    fine = {}
    for count in (FEW, MANY):
        for name in ("dendritic", "implicit"):
            errors = _by_seed(dataset, name, count)
            fine[f"{name}, K = {count}"] = bool(np.isfinite(errors).all())
    meaning = f"eigenvalue at K = 64; at K = 16 {few[0]:.1f}"
    return Finding(*many, meaning, fine)


@claim(
    "predictive-longer",
    "Longer learning improves recall",
    f"{OURS}, docs/results/predictive.md",
)
def predictive_longer(fast: bool) -> Finding:
    """Squared error of unknown pixels at rest after 3000 epochs less that after 300, K = 64.

    The full row has 30 000 epochs in place of 3000.
    """
    short = _longer(fast, 300)
    long = _measured(fast) if fast else _longer(fast, 30_000)
    gaps = {
        name: over_seeds(
            _by_seed(long, f"{name}, exact", MANY) - _by_seed(short, f"{name}, exact", MANY)
        )
        for name in ("dendritic", "implicit")
    }
    eigenvalues = [float(d.stiffness.sel(stored=MANY, bound="value")) for d in (short, long)]
    gain, low, high = gaps["dendritic"].tolist()
    meaning = (
        f"difference with implicit dynamics; dendritic {gain:+.4f} [{low:+.4f}, {high:+.4f}]; "
        f"largest eigenvalue {eigenvalues[0]:.0f}, then {eigenvalues[1]:.0f}"
    )
    fine = {f"{name} dynamics": bool(row[2] < 0) for name, row in gaps.items()}
    return Finding(*of_bounds(gaps["implicit"]), meaning, fine)


@claim(
    "projector-freezes",
    "The pseudo-inverse network completes the images that it stores",
    "Personnaz, Guyon & Dreyfus 1985, for fewer images than pixels",
)
def projector_freezes(fast: bool) -> Finding:
    """Squared error of unknown pixels over that of the mean image; 64 pixels."""
    dataset = _measured(fast)
    ratios = {
        count: over_seeds(
            _by_seed(dataset, "pseudo-inverse Hopfield", count)
            / _by_seed(dataset, "mean image", count)
        )
        for count in (FEW, MANY)
    }
    meaning = (
        f"ratio at K = 64, where centred images span 63 dimensions; K = 16: {ratios[FEW][0]:.0e}"
    )
    fine = {f"K = {count}": bool(row[2] < 0.5) for count, row in ratios.items()}
    return Finding(*of_bounds(ratios[MANY]), meaning, fine)


@claim(
    "predictive-depth",
    "A third layer of predictions helps, and then recalls as well as the recurrent network",
    f"{OURS}, docs/results/predictive.md",
)
def predictive_depth(fast: bool) -> Finding:
    """Squared error of unknown pixels, networks 64-64-32 and 64-64, K = 64."""
    dataset = _measured(fast)
    errors = {name: _by_seed(dataset, name, MANY) for name in (TWO, THREE, "dendritic")}
    gap = over_seeds(errors[THREE] - errors[TWO])
    other = over_seeds(errors[THREE] - errors["dendritic"])
    meaning = f"error of 64-64-32 less that of 64-64; less that of dendritic recall {other[0]:+.4f}"
    fine = {"beside two layers": bool(gap[2] < 0), "beside the recurrent": bool(other[1] <= 0)}
    return Finding(*of_bounds(gap), meaning, fine)


@claim(
    "whole-picture",
    "The nearest stored image of the whole picture tells whether pixels were completed",
    f"{OURS}, docs/results/predictive.md",
)
def whole_picture(fast: bool) -> Finding:
    """Right nearest images of cues whose unknown pixels are those of the mean image."""
    dataset = _measured(fast)
    shares = {
        (count, name): over_seeds(_by_seed(dataset, "mean image", count, name))
        for count in (FEW, MANY)
        for name in ("whole", "recall")
    }
    value, low, high = shares[MANY, "whole"].tolist()
    meaning = (
        f"share by all pixels, K = 64, with no pixel completed; by unknown pixels alone "
        f"{shares[MANY, 'recall'][0]:.2f}"
    )
    fine = {
        f"by {text} pixels": all(bool(shares[count, name][0] < 0.5) for count in (FEW, MANY))
        for text, name in (("unknown", "recall"), ("all", "whole"))
    }
    return Finding(value, low, min(high, 1.0), meaning, fine)
