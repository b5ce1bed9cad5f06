"""What a capacity means: the criterion, the rest and the margin with which it was measured."""

import math

import numpy as np

from nam_jax import measure, solve


def criterion_text(criterion: measure.AbstractCriterion) -> str:
    """Returns a criterion of storage as a phrase, for tables, figures and Datasets.

    For example `Recall(0.1, overlap=0.95)` is "recall from 10 % flipped bits to an overlap of 0.95
    or more, by 50 % of the patterns".
    """
    whose = "sets of patterns" if criterion.all_patterns else "patterns"
    by = f"by {criterion.level:.0%} of the {whose}".replace("%", " %")
    if isinstance(criterion, measure.OneStep):
        return f"{100 * criterion.error:g} % wrong bits after one step"
    if isinstance(criterion, measure.FixedPoint):
        return f"every bit is kept, {by}"
    assert isinstance(criterion, measure.Recall)
    end = "every bit right" if criterion.overlap == 1 else f"an overlap of {criterion.overlap:g}"
    more = "" if criterion.overlap == 1 else " or more"
    return f"recall from {100 * criterion.flips:g} % flipped bits to {end}{more}, {by}"


def rest_of(how: solve.AbstractHow | None) -> float:
    """Returns the `rest` of the settings of a recall; NaN if they have none, as for updates."""
    rest = how.rest if isinstance(how, solve.Flow) else None
    return math.nan if rest is None else float(np.asarray(rest))


def settings_text(margin: float, rest: float) -> str:
    """Returns the margin of a network and the rest of its recalls as a phrase.

    A network without a certificate has no margin, and updates in steps have no rest.

    Args:
        margin: Margin of the certificate; NaN if there is none.
        rest: Residual at which a flow counts as at rest; NaN if there is no flow.
    """
    named = {"margin": margin, "rest": rest}
    parts = [f"{name} {value:.2g}" for name, value in named.items() if not math.isnan(value)]
    return ", ".join(parts) or "no margin, no rest"
