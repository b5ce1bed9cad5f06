"""The study `claims`: checks claims of the theory and tabulates their verdicts."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
import xarray as xr
from rich.table import Table

from nam_jax._paths import existing_file
from nam_jax.experiment.claims._config import ClaimsConfig
from nam_jax.experiment.claims._finding import Curve, Finding
from nam_jax.experiment.claims._page import interval, page_of, read_page, replace_rows
from nam_jax.experiment.claims._registry import Claim, all_claims
from nam_jax.experiment.common import attributes, computing, in_context, tracked
from nam_jax.record import ConfigError, Context, clipped, reading_input

WORKERS = 2
"""Number of claims checked at once. The seconds of a claim are measured while another one runs."""


class Row(NamedTuple):
    """One checked claim, the seconds that it took, and the day (UTC) as YYYY-MM-DD."""

    key: str
    claim: Claim
    finding: Finding
    seconds: float
    date: str


@in_context(batched=False)
def run(config: ClaimsConfig, context: Context) -> xr.Dataset:
    """Checks claims, at most two at a time, and returns and writes their verdicts.

    Every claim has its own fixed seeds. If `config.page` names a page, the rows of the checked
    claims are replaced in it or added. The page, or a new one without `config.page`, is also
    written to the folder of the run as claims.md, if the run has a folder.

    Args:
        config: Settings of the run.
        context: Folder, device and progress bar of the run.

    Returns:
        Variables over `claim`, the keys of the claims: statement, source, what is computed, the
        measured value, the ends `low` and `high` of its 95 % interval, `meaning` (a phrase that
        says what the value is) and verdict. The coordinate `claim` has the seconds and dates of
        the checks as attributes. A claim KEY with a figure adds the curves KEY_y, KEY_low and
        KEY_high.

    Raises:
        ConfigError: If `config.only` has an unknown key, or if `config.page` cannot be read, is not
            a page that `nam-jax claims` wrote with the same `fast`, or has an unknown row.
    """
    known = {key: row for key, row in all_claims().items() if row.quick or not config.fast}
    if unknown := [key for key in config.only if key not in known]:
        # Both lists are cut, so that the message as a whole keeps its end.
        keys, given = clipped(", ".join(known), 600), clipped(", ".join(unknown), 200)
        long = " (without a quick version)" if unknown[0] in all_claims() else ""
        raise ConfigError(f"Argument `only` must hold keys of {keys}, but has {given}{long}.")
    chosen = {key: known[key] for key in config.only or known}
    page = None
    if config.page is not None:
        with reading_input():
            page = existing_file("page", config.page)
        read_page(page, fast=config.fast, keys=list(known))  # refused now, not after the checks
    begun = time.perf_counter()
    # Most of a quick check is compilation, which takes one core; two checks share two.
    with ThreadPoolExecutor(min(WORKERS, os.cpu_count() or 1)) as pool:
        pending = [
            pool.submit(_check, key, row, config.fast, context) for key, row in chosen.items()
        ]
        try:
            rows = [check.result() for check in tracked(pending, "checking", context)]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    dataset = _dataset(rows)
    dataset.attrs = attributes(config, seed=0) | {"seconds": time.perf_counter() - begun}
    if page is not None:
        replace_rows(page, page_of(dataset), keys=list(known))
    if context.folder is not None:  # also with a page, which may be that of this folder
        text = page_of(dataset).text() if page is None else page.read_text(encoding="utf-8")
        (context.folder / "claims.md").write_text(text, encoding="utf-8")
    return dataset


def _check(key: str, claim: Claim, fast: bool, context: Context) -> Row:
    begun = time.perf_counter()
    with computing(context):
        finding = claim.check(fast)
    seconds = time.perf_counter() - begun
    return Row(key, claim, finding, seconds, datetime.now(UTC).date().isoformat())


def _dataset(rows: list[Row]) -> xr.Dataset:
    dataset = xr.Dataset(
        {
            "statement": ("claim", [row.claim.statement for row in rows]),
            "source": ("claim", [row.claim.source for row in rows]),
            "computed": ("claim", [_first_line(row.claim.check) for row in rows]),
            "value": ("claim", [row.finding.value for row in rows], {"units": "see `meaning`"}),
            "low": ("claim", [row.finding.low for row in rows]),
            "high": ("claim", [row.finding.high for row in rows]),
            "meaning": ("claim", [row.finding.meaning for row in rows]),
            "verdict": ("claim", [row.finding.verdict for row in rows]),
        },
        coords={"claim": [row.key for row in rows]},
    )
    # Not variables: two runs with one config then have equal Datasets.
    dataset["claim"].attrs["seconds"] = [round(row.seconds, 2) for row in rows]
    dataset["claim"].attrs["dates"] = [row.date for row in rows]
    for row in rows:
        if row.finding.curve is not None:
            _add_curve(dataset, row.key, row.finding.curve)
    return dataset


def _first_line(check: object) -> str:
    return ((check.__doc__ or "").strip().splitlines() or [""])[0]


def _add_curve(dataset: xr.Dataset, key: str, curve: Curve) -> None:
    """Adds variables KEY_y, KEY_low and KEY_high over (KEY_line, KEY_x) to `dataset`."""
    missing = [float("nan")] * len(curve.x)
    lines = {
        "y": [list(series.y) for series in curve.series.values()],
        "low": [list(series.low or missing) for series in curve.series.values()],
        "high": [list(series.high or missing) for series in curve.series.values()],
    }
    dims = (f"{key}_line", f"{key}_x")
    for name, values in lines.items():
        dataset[f"{key}_{name}"] = (dims, np.asarray(values, float))
    labels = {"x_label": curve.x_label, "y_label": curve.y_label, "log": int(curve.log)}
    dataset[f"{key}_y"].attrs = labels
    dataset.coords[dims[0]] = list(curve.series)
    dataset.coords[dims[1]] = np.asarray(curve.x, float)


def table(dataset: xr.Dataset) -> Table:
    """Returns the ledger, with one row for each claim, as a table for the terminal."""
    result = Table(title="Ledger of claims", show_lines=True)
    for name in ("claim", "statement", "measured", "what it is", "verdict", "s"):
        result.add_column(name, justify="right" if name == "s" else "left")
    for index, seconds in enumerate(dataset.claim.attrs["seconds"]):
        row = dataset.isel(claim=index)
        result.add_row(
            str(row.claim.values), f"{row.statement.item()} ({row.source.item()})", interval(row),
            row.meaning.item(), row.verdict.item(), f"{seconds:.1f}",
        )  # fmt: skip
    return result
