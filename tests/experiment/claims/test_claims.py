"""The ledger: verdicts follow from measurements, and what it writes is what it measured."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from figures import drawn

from nam_jax.experiment import claims
from nam_jax.experiment.claims import _registry as registry
from nam_jax.experiment.claims._figure import curves
from nam_jax.experiment.claims._finding import Curve, Finding, Series, series_of_rates, verdict
from nam_jax.experiment.claims._once import once
from nam_jax.experiment.claims._registry import all_claims, claim
from nam_jax.experiment.common._slopes import Slope, log_slope
from nam_jax.measure import rate
from nam_jax.record import ConfigError, Context


def test_verdict_follows_from_the_conditions():
    assert verdict({"a": True, "b": True}) == "holds"
    assert verdict({"a": False, "b": False}) == "does not hold"
    assert verdict({"a": True, "b": False}) == "holds where: a. Not where: b"


@pytest.mark.parametrize("exponent", [1.0, 2.7])
def test_exponent_of_a_power_law_is_found_within_its_interval(exponent):
    x = np.array([16.0, 32.0, 64.0, 128.0])
    noise = np.random.default_rng(0).normal(0, 0.05, 4)
    slope = log_slope(x.tolist(), (0.3 * x**exponent * np.exp(noise)).tolist(), [0.05] * 4)
    assert slope.low <= exponent <= slope.high and slope.high - slope.low < 0.25
    assert slope.reaches(exponent) and not slope.reaches(exponent + 1)


def test_a_wide_interval_reaches_and_a_far_one_does_not():
    assert Slope(2.0, 1.0, 3.1).reaches(3.0)
    assert not Slope(2.0, 1.9, 2.1).reaches(3.0)


@pytest.fixture
def empty(monkeypatch):
    monkeypatch.setattr(registry, "_CLAIMS", {})
    monkeypatch.setattr(registry, "FILES", ())


@pytest.fixture
def ledger(empty):
    """Two claims, of which one has a curve."""
    line = series_of_rates([rate([True, False]), rate([True, True])])
    curve = Curve(
        [1.0, 2.0], "x (1)", "y (1)", {"measured": line, "theory: one": Series([1.0, 1.0])}
    )

    @claim("yes", "a statement", "a | source")
    def one(fast):
        """First line.

        Further lines are not for the page.
        """
        return Finding(1.0 + fast, 0.0, 2.0, "what it is", {"here": True}, curve)

    @claim("no", "another statement", "a source")
    def two(fast):
        """Another first line."""
        return Finding(2.0 + fast, 1.0, 3.0, "what it is", {"here": False})

    assert one(False).verdict == "holds" and two(True).value == 3.0


def test_a_claim_is_a_decorated_function(ledger):
    assert list(all_claims()) == ["yes", "no"]
    row = all_claims()["yes"]
    assert (row.statement, row.source) == ("a statement", "a | source")
    assert row.check(True).value == 2.0


def test_the_quick_ledger_leaves_out_rows_without_a_quick_version(ledger):
    @claim("long", "a statement", "a source", quick=False)
    def three(fast):
        """Trains for an hour."""
        assert not fast
        return Finding(3.0, 3.0, 3.0, "what it is", {"here": True})

    quick = claims.study.run(claims.study.config(fast=True))
    assert quick.claim.values.tolist() == ["yes", "no"]
    assert claims.study.run(claims.study.config()).claim.values.tolist() == ["yes", "no", "long"]
    with pytest.raises(ConfigError, match=r"has long \(without a quick version\)"):
        claims.study.run(claims.study.config(fast=True, only=("long",)))


def test_claims_share_a_measurement_that_is_made_once():
    made = []

    @once
    def measured(fast):
        made.append(fast)
        return xr.Dataset({"number": len(made)})

    with ThreadPoolExecutor(4) as pool:
        values = [int(dataset.number) for dataset in pool.map(measured, [True] * 8)]
    assert values == [1] * 8 and int(measured(False).number) == 2 and made == [True, False]


def test_two_claims_with_one_key_are_refused(ledger):
    with pytest.raises(ValueError, match=r"Argument `key` must .*, but has yes"):
        claim("yes", "yet another statement", "a source")(lambda fast: None)
    assert all_claims()["yes"].statement == "a statement"


def test_a_key_that_no_file_name_or_table_could_hold_is_refused(empty):
    for key in ("", "a b", "a|b", "../a"):
        with pytest.raises(ValueError, match=r"Argument `key` must .*, but has '"):
            claim(key, "a statement", "a source")
    assert not all_claims()


def test_the_order_of_the_page_does_not_depend_on_the_order_of_imports(monkeypatch):
    order, rows = list(all_claims()), registry._CLAIMS.items()
    by_module = dict(sorted(rows, key=lambda row: row[1].check.__module__))
    assert list(by_module) != order
    monkeypatch.setattr(registry, "_CLAIMS", by_module)
    assert list(all_claims()) == order


def test_every_file_with_a_claim_is_listed():
    folder = Path(registry.__file__).parent
    files = {path.stem for path in folder.glob("*.py") if "\n@claim(" in path.read_text("utf-8")}
    assert files == set(registry.FILES) and len(files) == len(registry.FILES)


def test_the_same_measurement_decides_value_verdict_and_page(ledger, tmp_path):
    dataset = claims.study.run(claims.study.config(), Context(folder=tmp_path))
    assert dataset.verdict.values.tolist() == ["holds", "does not hold"]
    page = (tmp_path / "claims.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| yes") or "| no" in line[:6]]
    assert "1 [0, 2]" in rows[0] and "**holds**" in rows[0] and r"a \| source" in rows[0]
    assert "2 [1, 3]" in rows[1] and "**does not hold**" in rows[1]
    assert all(row.count(" | ") == 10 for row in rows)
    assert "| First line. |" in rows[0] and "Further" not in page
    assert float(claims.study.run(claims.study.config(fast=True, only=("no",))).value.item()) == 3.0


def test_curves_are_kept_and_drawn(ledger):
    dataset = claims.study.run(claims.study.config())
    assert curves(dataset) == ["yes"]
    np.testing.assert_array_equal(dataset["yes_y"].sel(yes_line="measured"), [0.5, 1.0])
    (axes,) = drawn(claims.study, dataset)["figure-yes"].axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("x (1)", "y (1)")
    assert len(axes.get_lines()) == 2


def test_an_unknown_claim_is_named():
    with pytest.raises(ValueError, match=r"`only` must hold keys of energy-falls.*but has zebra"):
        claims.study.run(claims.study.config(only=("saddle", "zebra")))


PAGE = Path(__file__).parents[3] / "benchmarks" / "claims.md"
QUICK = (
    "sign-states", "saddle", "spectrum", "distinct", "flip-test", "pairwise-only", "online",
    "descent", "local", "minerva", "attention-forces", "composed-convex", "hamux-equations",
)  # fmt: skip
OF_COMPOSITIONS = (
    "composed-stability", "composed-equal", "composed-flops", "composed-gradients",
    "composed-energy-law", "composed-converges", "energy-falls-by-steps", "predictive-equivalent",
    "predictive-conditional", "predictive-steps", "predictive-longer", "projector-freezes",
    "predictive-depth", "whole-picture", "setwise-signal", "setwise-exponent",
)  # fmt: skip


@pytest.fixture(scope="module")
def measured():
    return claims.study.run(claims.study.config(fast=True, only=QUICK))


def on_page():
    """The verdict of each row of the checked-in page."""
    rows = [re.split(r"(?<!\\)\|", line) for line in PAGE.read_text("utf-8").splitlines()]
    return {row[1].strip(): row[7].strip(" *") for row in rows if len(row) == 13}


def test_the_checked_in_page_has_all_rows():
    quick = [key for key, row in all_claims().items() if row.quick]
    assert [key for key in on_page() if key in all_claims()] == quick


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("sign-states", "holds"),
        ("saddle", "does not hold"),
        (
            "flip-test",
            "holds where: W without its diagonal. Not where: W with its diagonal",
        ),
        ("pairwise-only", "holds where: n = 2. Not where: n = 4"),
        ("online", "holds"),
        ("spectrum", "holds"),
        ("distinct", "holds"),
        ("descent", "holds"),
        ("local", "holds where: one layer. Not where: two layers"),
        ("attention-forces", "holds where: queries and keys. Not where: queries alone"),
        ("composed-convex", "holds where: linear. Not where: L' = u - 0.6 sin 3u"),
        (
            "hamux-equations",
            "holds where: discrete equation. Not where: continuous equation; snippets of code",
        ),
        (
            "minerva",
            "holds where: cosine, traces of one length. Not where: cosine, two lengths; "
            "Hintzman's similarity, unknown features",
        ),
    ],
)
def test_quick_claims_come_out_as_on_the_checked_in_page(measured, key, expected):
    row = measured.sel(claim=key)
    assert row.verdict.item() == expected == on_page()[key]
    assert float(row.low) <= float(row.value) <= float(row.high)


@pytest.mark.slow
def test_the_whole_quick_ledger_runs():
    dataset = claims.study.run(claims.study.config(fast=True))
    assert dataset.claim.values.tolist() == [k for k, row in all_claims().items() if row.quick]
    assert np.isfinite(dataset.value.values).all()
    verdicts = dict(zip(dataset.claim.values.tolist(), dataset.verdict.values, strict=True))
    assert verdicts == {key: on_page()[key] for key in verdicts}
    assert verdicts["memory-gain"] == "holds" and verdicts["energy-falls"] == "holds"
    assert "Not where: released network" in verdicts["time-constants"]
    assert "Not where: released without leaks" in verdicts["bounded"]
    assert verdicts["capacity"].startswith("holds where: dense memory, energy difference. Not")


@pytest.mark.slow
def test_quick_claims_about_compositions_come_out_as_on_the_checked_in_page():
    dataset = claims.study.run(claims.study.config(fast=True, only=OF_COMPOSITIONS))
    verdicts = dict(zip(dataset.claim.values.tolist(), dataset.verdict.values, strict=True))
    assert verdicts == {key: on_page()[key] for key in OF_COMPOSITIONS}
    assert verdicts["composed-equal"] == verdicts["composed-energy-law"] == "holds"
    assert verdicts["predictive-equivalent"].startswith("holds where: K = 16. Not where: K = 64")


@pytest.mark.slow
def test_quick_claims_about_dendrites_come_out_as_on_the_checked_in_page():
    keys = tuple(key for key in all_claims() if key.startswith("dendritic-"))
    dataset = claims.study.run(claims.study.config(fast=True, only=keys))
    verdicts = dict(zip(dataset.claim.values.tolist(), dataset.verdict.values, strict=True))
    held = ("capacity", "basin", "active", "dale", "stable", "reduced")
    assert all(verdicts[f"dendritic-{key}"] == "holds" for key in held)
    assert verdicts["dendritic-completion"] == "does not hold"
    assert "tau_I = 5 ms, matched: recalls" in verdicts["dendritic-inhibition"]
    assert "Not where: tau_I = 5 ms, from 0: recalls" in verdicts["dendritic-inhibition"]
    assert verdicts["dendritic-necessary"].endswith("Not where: members may saturate")
    assert "holds where: c = 0.5, thresholds re-scaled" in verdicts["dendritic-sparse"]
