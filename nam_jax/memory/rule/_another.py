"""Learns one more pattern into given weights, without showing the stored patterns again.

It is a function that dispatches on the class of the rule, because most rules need all patterns.
"""

import functools

from nam_jax._misc import argument_error
from nam_jax._types import Pairs, Pattern
from nam_jax.memory.rule._learning import (
    AbstractLearningRule,
    AbstractOnlineRule,
    ActivityProduct,
    Covariance,
)
from nam_jax.memory.rule._local import ExpandedHebbian, Storkey
from nam_jax.memory.rule._oja import ClampedOja


@functools.singledispatch
def learn_another(rule: AbstractLearningRule, weights: Pairs, pattern: Pattern) -> Pairs:
    """Returns weights, (N, N), that store the patterns of `weights` and one more pattern.

    They equal the result of [`nam_jax.memory.learn`][] for all patterns with the new one in the
    last place, and cost O(N^2). The diagonal of `weights` may have been set to 0: it influences no
    other weight.

    Args:
        rule: The rule that made `weights`: `ActivityProduct`, `Covariance` with a given
            mean, or `ExpandedHebbian`, `Storkey` or `ClampedOja` with a single pass.
        weights: W, (N, N).
        pattern: (N,), in the dtype of `weights`.

    Raises:
        ValueError: If `rule` is another rule, or shows patterns more than once.
    """
    requirement = "be a rule that can learn one more pattern without the others"
    raise argument_error("rule", requirement, f"a {type(rule).__name__}")


@learn_another.register
def _(rule: ActivityProduct, weights: Pairs, pattern: Pattern) -> Pairs:
    return weights + rule.weights(pattern[None])


@learn_another.register
def _(rule: Covariance, weights: Pairs, pattern: Pattern) -> Pairs:
    if rule.mean is None:
        requirement = "have a given mean, as the mean over patterns changes with each pattern"
        raise argument_error("rule", requirement, None)
    return weights + rule.weights(pattern[None])


@learn_another.register(ExpandedHebbian)
@learn_another.register(Storkey)
@learn_another.register(ClampedOja)
def _(rule: AbstractOnlineRule, weights: Pairs, pattern: Pattern) -> Pairs:
    if rule.passes != 1:
        raise argument_error("rule", "show all patterns once", f"{rule.passes} passes")
    return rule.show(weights, pattern)
