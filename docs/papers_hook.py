"""Completes the pages on papers: the lines of quoted code, and the verdicts of the full ledger."""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
QUOTED = re.compile(
    r"^(\| `([^`]+)` \| .*\]\(\.\./\.\./)(nam_jax/[\w/]+\.py)(\) \|)$", re.MULTILINE
)
"""A row of a table that quotes a line of code and leads to its file."""
VERDICTS = re.compile(r"^<!-- verdicts on (.+) -->$", re.MULTILINE)
"""The place of the verdicts on an author's text."""
COLUMNS = ["claim", "statement", "source", "computed", "measured", "what", "verdict"]


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Adds line numbers to links, and tables of verdicts."""
    if not page.file.src_uri.startswith("papers/"):
        return markdown
    markdown = QUOTED.sub(
        lambda row: f"{row[1]}{row[3]}#L{line_of(row[2], row[3])}{row[4]}", markdown
    )
    return VERDICTS.sub(lambda mark: verdicts_on(mark[1]), markdown)


def line_of(code: str, path: str) -> int:
    """The number of the only line of a file that is `code`, apart from its indentation.

    Raises:
        ValueError: If the file has no such line, or several.
    """
    lines = (ROOT / path).read_text().splitlines()
    numbers = [number for number, line in enumerate(lines, 1) if line.strip() == code]
    if len(numbers) != 1:
        raise ValueError(f"{path} has {len(numbers)} lines `{code}`, but must have one.")
    return numbers[0]


def rows() -> dict[str, dict[str, str]]:
    """The rows of the full ledger by the key of their claim."""
    text = (ROOT / "benchmarks" / "claims_full.md").read_text()
    table = [line for line in text.splitlines() if line.startswith("| ")][1:]
    cells = [re.split(r" (?<!\\)\| ", line.removeprefix("| ").removesuffix(" |")) for line in table]
    return {
        row[0]: dict(zip([*COLUMNS, "s", "version", "date", "device"], row, strict=True))
        for row in cells
    }


def verdicts_on(author: str) -> str:
    """A sentence with the numbers of verdicts, and a table of the rows on a text of `author`."""
    chosen = [row for row in rows().values() if row["source"].startswith(author)]
    if not chosen:
        raise ValueError(f"The full ledger has no row on {author}.")
    parts = [row["verdict"].strip("*") for row in chosen]
    holds, not_so = parts.count("holds"), parts.count("does not hold")
    lines = [
        f"Of {len(chosen)} statements, {holds} hold in all cases measured,"
        f" {len(chosen) - holds - not_so} in some of them, and {not_so} in none.",
        "",
        "| claim | statement | where it stands | measured [95 %] | verdict | date |",
        "|---|---|---|---|---|---|",
    ]
    for row in chosen:
        place = re.sub(r"^,? ?(arXiv [\d.]+)?,? ?", "", row["source"].removeprefix(author))
        measured = f"{row['measured']}: {row['what']}"
        entries = [
            f"`{row['claim']}`",
            row["statement"],
            place,
            measured,
            row["verdict"],
            row["date"],
        ]
        lines.append(f"| {' | '.join(entries)} |")
    return "\n".join(lines)
