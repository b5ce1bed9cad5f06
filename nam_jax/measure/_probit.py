"""A line of probits against log K: the number of patterns at which a share of recalls succeeds."""

import dataclasses
from typing import NamedTuple

import numpy as np
import scipy
from jaxtyping import Float

_ITERATIONS = 6
_FARTHEST = 5.0
"""Probits are cut off at this size, so that a score beyond it counts as 0 or 1."""

Scores = Float[np.ndarray, "R counts"]
"""Shares of recalls that succeed at each number of patterns, for R samples."""


class _Fit(NamedTuple):
    """Lines at their mean place, each entry of shape (R, 1), and the weights, (R, counts)."""

    place: np.ndarray
    value: np.ndarray
    slope: np.ndarray
    weights: np.ndarray


@dataclasses.dataclass(frozen=True)
class ProbitLine:
    """The maximum-likelihood line of probits of scores against log K, for many samples at once.

    For example, scores of 0.9 and 0.1 at K = 10 and 40 have the probits 1.28 and -1.28, and the
    line between them is 0, the probit of the level 1/2, at K = sqrt(10 x 40) = 20. With more
    numbers of patterns the line is fitted by Fisher scoring, that is, by weighted least squares
    repeated with the weights of a binomial likelihood.

    Attributes:
        log_counts: log K of the numbers measured, ascending.
        level: The score at which a number of patterns is sought.
        one_sided: Whether scores lie above one half, so that the logarithm of their probit is a
            straight line, rather than the probit itself.
    """

    log_counts: Float[np.ndarray, " counts"]
    level: float
    one_sided: bool = False

    def crossing(self, scores: Scores) -> Float[np.ndarray, " R"]:
        """Returns the K at which each line reaches the level, limited to the numbers measured.

        The result is NaN for a line that does not fall with K.

        Args:
            scores: Mean score at each number of patterns, one row for each of R samples.
        """
        return np.exp(self._log_crossing(self._fit(scores)))[:, 0]

    def log_error(self, by_set: Float[np.ndarray, "counts sets"], trials: int) -> float:
        """Returns the standard error of log K at the crossing of the line through means over sets.

        It is that of the line's value at the crossing, by the Fisher information of independent
        recalls, divided by the line's slope. Recalls of one set of patterns are not independent,
        so the error is multiplied by the square root of the dispersion: the variance of the scores
        between sets over that of independent recalls, over all numbers of patterns and at least 1
        (McCullagh & Nelder 1989, section 4.5).

        Args:
            by_set: Scores of independent sets of patterns, at least 2, at each number of patterns.
            trials: Number of recalls of which each of these scores is the mean.
        """
        fit = self._fit(by_set.mean(axis=1)[None])
        away = self._log_crossing(fit) - fit.place
        recalls = by_set.shape[1] * trials / _dispersion(by_set, trials)
        information = recalls * fit.weights.sum(axis=1, keepdims=True)
        about = recalls * (fit.weights * (self.log_counts - fit.place) ** 2).sum(1, keepdims=True)
        error = np.sqrt(1 / information + away**2 / about) / np.abs(fit.slope)
        return float(error[0, 0])

    def _log_crossing(self, fit: _Fit) -> Float[np.ndarray, "R 1"]:
        goal = self._transformed(np.array([self.level]))[0]
        falls = fit.slope < 0
        place = fit.place + (goal - fit.value) / np.where(falls, fit.slope, -1)
        place = np.clip(place, self.log_counts[0], self.log_counts[-1])
        return np.where(falls, place, np.nan)

    def _fit(self, scores: Scores) -> _Fit:
        line = self._transformed(scores)
        weights = np.ones_like(line)
        for _ in range(_ITERATIONS):
            fit = self._straight(line, weights)
            line = fit.value + fit.slope * (self.log_counts - fit.place)
            # The probit of a score is linearised at the line; its weight is the Fisher information
            # of a binomial score there.
            probit = np.exp(line) if self.one_sided else line
            probit = np.clip(probit, -_FARTHEST, _FARTHEST)
            share = scipy.stats.norm.cdf(probit)
            growth = scipy.stats.norm.pdf(probit) * (probit if self.one_sided else 1)
            weights = growth**2 / (share * (1 - share))
            line = line + (scores - share) / growth
        return self._straight(line, weights)

    def _straight(self, y: Scores, weights: Scores) -> _Fit:
        """Returns the weighted least-squares line, at the mean of log K."""
        shares = weights / weights.sum(axis=1, keepdims=True)
        mean_x = (shares * self.log_counts).sum(axis=1, keepdims=True)
        mean_y = (shares * y).sum(axis=1, keepdims=True)
        x = self.log_counts - mean_x
        slope = (shares * x * y).sum(axis=1) / (shares * x**2).sum(axis=1)
        return _Fit(mean_x, mean_y, slope[:, None], weights)

    def _transformed(self, scores: np.ndarray) -> np.ndarray:
        """Returns probits of scores, or their logarithms for a one-sided criterion.

        Scores near 0 and 1 are cut off; only the start of the iteration depends on this.
        """
        least = 0.1 * min(self.level, 1 - self.level)
        probit = scipy.stats.norm.ppf(np.clip(scores, least, 1 - least))
        return np.log(np.maximum(probit, 1e-3)) if self.one_sided else probit


def _dispersion(by_set: Float[np.ndarray, "counts sets"], trials: int) -> float:
    """Returns the variance of scores over sets, over that of independent recalls; at least 1.

    For example, with one recall a set both variances are the same, and the dispersion is 1 but for
    chance. If all recalls of a set agree, it is near `trials`.
    """
    means = by_set.mean(axis=1)
    there = (means > 0) & (means < 1)  # elsewhere both variances are 0
    if not there.any():
        return 1.0
    expected = means[there] * (1 - means[there]) / trials
    return max(1.0, float((by_set[there].var(axis=1, ddof=1) / expected).mean()))
