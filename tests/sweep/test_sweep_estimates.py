"""Numbers of a sweep are unbiased, and their intervals cover, where the answer is known."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from nam_jax import measure, sweep
from nam_jax.record import ImportPath, Seed, Share, Study, to_bytes
from nam_jax.sweep._watch import Watch, duration

SETS, QUERIES, SEEDS = 16, 8, 500
SPREAD = 5.0
"""The sum of the parameters of the beta distribution over sets: they differ much."""


@dataclass(frozen=True)
class Config:
    level: Share = 0.5
    """The chance that a cue is recalled, in the mean over sets of patterns."""
    seed: Seed = 0
    """Seed."""


def run_many(configs, context):
    """Cues of sets that differ, as those of networks do: the answer is `level`."""
    rows = []
    for config in configs:
        random = np.random.default_rng([config.seed, round(100 * config.level)])
        chances = random.beta(SPREAD * config.level, SPREAD * (1 - config.level), SETS)
        rows.append(measure.rate(chances[:, None] > random.random((QUERIES, SETS)).T, by_set=True))
    columns = {"recalled": "value", "low": "low", "high": "high"}
    return xr.Dataset({n: ("unit", [getattr(row, c) for row in rows]) for n, c in columns.items()})


def here(function):
    return ImportPath(f"{__name__}:{function.__name__}")


STUDY = Study(
    "trials", "Trials.", "try", "trials", 1,
    here(Config), here(run_many), here(run_many), here(run_many),
    run_many=here(run_many), stacked=("seed", "level"),
)  # fmt: skip


def test_rates_over_sets_are_unbiased_and_their_intervals_cover(tmp_path):
    levels = [0.3, 0.9]
    dataset = sweep.run(STUDY, {"level": levels}, seeds=SEEDS, store=tmp_path, chunk=1000)
    for level in levels:
        own = dataset.sel(level=level)
        error = float(own.recalled.std("seed", ddof=1)) / SEEDS**0.5
        assert abs(float(own.recalled.mean()) - level) < 4 * error
        covered = float(((own.low <= level) & (level <= own.high)).mean())
        # Three standard errors of a coverage of 0.95 over 500 seeds are 0.029.
        assert 0.95 - 0.03 < covered < 0.95 + 0.03, level


def test_progress_tells_the_mean_of_what_is_finished(capsys):
    watch = Watch(6, "recalled", shown=True)
    with watch:
        watch.kept(2)
        watch.finished(2, to_bytes(xr.Dataset({"recalled": ("unit", [0.25, np.nan, 0.75])})))
        watch.failed(1)
        assert capsys.readouterr().err == ""
        watch.finished(1, to_bytes(xr.Dataset({"recalled": 1.0, "trials": 8})))
    said = capsys.readouterr().err
    assert said.startswith("5 of 6 units, 1 failed, ") and "recalls/s, 0 s left" in said
    mean, error = 2 / 3, np.std([0.25, 0.75, 1.0]) / 3**0.5
    assert said.endswith(f"mean recalled {mean:.4g} +- {error:.2g}\n")
    assert [duration(s) for s in (3, 99, 101, 7200)] == ["3 s", "99 s", "2 min", "2.0 h"]
