"""The pages on papers: the lines of code they quote exist, and numbers are those of the ledger."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs" / "papers").glob("*.md"))
NUMBER = re.compile(r"(?<![\w.^])\d+\.\d+(?![\w.]*\.\d)")

pytestmark = pytest.mark.command
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


@pytest.fixture(scope="module")
def hook():
    spec = importlib.util.spec_from_file_location("papers_hook", ROOT / "docs" / "papers_hook.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def errata_of(page):
    """The items of the list of errata, one string each."""
    section = page.read_text().split("\n## Errata\n")[1].split("\n## ")[0]
    return [" ".join(item.split()) for item in section.split("\n* ")[1:]]


@each_page
def test_quoted_lines_of_code_are_in_the_files(page, hook):
    text = page.read_text()
    tables = re.findall(r"^\| line of code \| where \|\n\|---\|---\|\n((?:\|.*\n)+)", text, re.M)
    table_rows = "".join(tables).splitlines()
    quoted = hook.QUOTED.findall(text)
    assert len(tables) == text.count("| line of code |") >= 8
    assert len(quoted) == len(table_rows)  # a row of another form would not be checked
    for _, code, path, _ in quoted:
        assert hook.line_of(code, path) > 0


def test_a_line_that_is_gone_or_ambiguous_is_refused(hook):
    for code in ("no such line", '"""'):
        with pytest.raises(ValueError, match="lines"):
            hook.line_of(code, "nam_jax/network/_base.py")


@each_page
def test_numbers_of_errata_are_those_of_the_rows_they_name(page, hook):
    ledger, checked = hook.rows(), 0
    for item in errata_of(page):
        keys = [name for name in re.findall(r"`([a-z0-9-]+)`", item) if name in ledger]
        named = re.findall(r"\(`([a-z0-9-]+)`[;)]", item)
        assert set(named) <= set(ledger), item
        cited = " ".join(" ".join(ledger[key].values()) for key in keys)
        for number in NUMBER.findall(
            re.sub(r"arXiv [\d.]+|[\d.]+\.[\d.]+\.\d|\]\([^)]*\)", "", item)
        ):
            if re.search(rf"(Theorem|Definition|Corollary|Section) {re.escape(number)}", item):
                continue
            assert re.search(rf"(?<![\d.]){re.escape(number)}(?![\d])", cited), (number, item)
            checked += 1
    assert checked >= 3


@each_page
def test_each_page_shows_the_verdicts_on_its_text(page, hook):
    authors = hook.VERDICTS.findall(page.read_text())
    assert len(authors) == 1
    shown = hook.verdicts_on(authors[0])
    keys = [key for key, row in hook.rows().items() if row["source"].startswith(authors[0])]
    assert re.findall(r"^\| `([\w-]+)` \|", shown, re.M) == keys and len(keys) >= 10
    counts = [int(number) for number in re.findall(r"\d+", shown.splitlines()[0])]
    assert counts[0] == sum(counts[1:]) == len(keys)


def test_a_text_without_rows_is_refused(hook):
    with pytest.raises(ValueError, match="no row"):
        hook.verdicts_on("Nobody")
