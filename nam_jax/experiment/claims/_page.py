"""The ledger as a Markdown page: written from a Dataset, read back, and changed row by row."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import xarray as xr

from nam_jax.record import ConfigError, staged_file

COLUMNS = ("claim", "statement", "source", "what is computed", "measured [95 %]", "what it is",
           "verdict", "s", "version", "date", "device")  # fmt: skip
_CELL = r"(?:[^|]|(?<=\\)\|)*"
_ROW = re.compile(
    rf"\| ([\w-]+) \|(?: {_CELL} \|){{5}} \*\*{_CELL}\*\* \| \d+\.\d \| \S+ \| \d{{4}}-\d\d-\d\d \|"
    rf" {_CELL} \|"
)
"""A line of the table, with the key in a group; bars inside a cell stand behind a backslash."""


class Page(NamedTuple):
    """A page of the ledger.

    Attributes:
        fast: Whether the rows were measured with few trials and small networks.
        rows: Lines of the table by key, as they stand in the file.
    """

    fast: bool
    rows: dict[str, str]

    def text(self) -> str:
        """The page as Markdown."""
        return "\n".join([*_head(fast=self.fast), *self.rows.values(), ""])


def page_of(dataset: xr.Dataset) -> Page:
    """The page with the rows of a Dataset.

    Args:
        dataset: What `run` of this study returns.
    """
    version = json.loads(dataset.attrs["versions"])["nam-jax"]
    rows, times = {}, dataset.claim.attrs
    for index, (seconds, date) in enumerate(zip(times["seconds"], times["dates"], strict=True)):
        row = dataset.isel(claim=index)
        key = str(row.claim.values)
        texts = (row[name].item() for name in ("statement", "source", "computed"))
        rows[key] = _line([
            key, *texts, interval(row), row.meaning.item(), f"**{row.verdict.item()}**",
            f"{seconds:.1f}", version, date, dataset.attrs["device"],
        ])  # fmt: skip
    return Page(json.loads(dataset.attrs["config"])["fast"], rows)


def interval(row: xr.Dataset) -> str:
    """The measured value of one row with its interval, as text."""
    value, low, high = (float(row[name]) for name in ("value", "low", "high"))
    return f"{value:.3g}" if low == high else f"{value:.3g} [{low:.3g}, {high:.3g}]"


def read_page(path: Path, *, fast: bool, keys: Sequence[str]) -> Page:
    """Reads a page that `nam-jax claims` wrote.

    Args:
        path: The file.
        fast: True: its rows must be of a quick run. False: of a full run.
        keys: Keys of all claims.

    Raises:
        ConfigError: If the file cannot be read, is not a page of the ledger, is of the other
            kind of run than `fast` says, or has a row with an unknown key.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not a page of `nam-jax claims`.") from error
    heads = {kind: "\n".join([*_head(fast=kind), ""]) for kind in (fast, not fast)}
    kinds = [kind for kind, head in heads.items() if text.startswith(head) and text.endswith("\n")]
    if not kinds:
        raise ConfigError(f"{path}: is not a page of `nam-jax claims`.")
    if kinds != [fast]:
        raise ConfigError(
            f"{path}: is a page of `{_command(fast=not fast)}`, not of `{_command(fast=fast)}`."
        )
    rows = {}
    for line in text[len(heads[fast]) : -1].split("\n"):
        match = _ROW.fullmatch(line)
        if match is None or match[1] in rows or match[1] not in keys:
            raise ConfigError(f"{path}: has a line that is no row of the ledger: {line[:60]!r}.")
        rows[match[1]] = line
    return Page(fast, rows)


def replace_rows(path: Path, fresh: Page, *, keys: Sequence[str]) -> None:
    """Replaces rows of a page by the rows of `fresh` with the same keys.

    A row with a new key is inserted at its place in the order of `keys`. Other rows stay
    as they are, byte for byte. The file is replaced by one rename, so that it is never half
    written.

    Args:
        path: The page's file.
        fresh: The new rows.
        keys: Keys of all claims, in the order of the page.

    Raises:
        ConfigError: As `read_page`.
        OSError: If the file cannot be written.
    """
    rows = read_page(path, fast=fresh.fast, keys=keys).rows | fresh.rows
    remade = fresh._replace(rows={key: rows[key] for key in keys if key in rows})
    with staged_file(path) as place:
        place.write_bytes(remade.text().encode("utf-8"))


def _command(*, fast: bool) -> str:
    return "nam-jax claims --fast" if fast else "nam-jax claims"


def _head(*, fast: bool) -> list[str]:
    """The lines above the rows."""
    return [
        "# Ledger of claims",
        "",
        f"Made by `{_command(fast=fast)}`; `{_command(fast=fast)} --only KEY --page FILE` measures "
        "one row anew and keeps the others. Verdicts are computed from the measured values. Random "
        "patterns, fixed seeds; intervals are 95 %: over networks where a row has several, else "
        "over the cues of one network (Wilson), and by weighted least squares for exponents; a "
        "number without one is exact or a worst case. Seconds, version of nam-jax, date and device "
        "are those of the row's measurement.",
        "",
        f"| {' | '.join(COLUMNS)} |",
        f"|{'---|' * len(COLUMNS)}",
    ]


def _line(cells: Sequence[str]) -> str:
    """A line of the table; a cell has no line breaks, and its bars stand behind a backslash."""
    escaped = [" ".join(cell.split()).replace("|", r"\|") for cell in cells]
    return f"| {' | '.join(escaped)} |"
