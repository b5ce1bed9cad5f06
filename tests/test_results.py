"""Every number on a results page has a command that makes it, a date and a version.

The last section of such a page is a table of four columns, whose rows link to the sections whose
numbers they make. A row that links to the title of the page is for the whole page.
"""

import re
import shlex
import tomllib
from datetime import UTC, date, datetime
from typing import NamedTuple

import pytest
from pages import ROOT, anchor_of, assert_is_read, name_of, prose_of

INDEX = ROOT / "docs/results/index.md"
PAGES = [
    ROOT / "docs/limits.md",
    *(page for page in sorted((ROOT / "docs/results").glob("*.md")) if page != INDEX),
]
LAST = "How these numbers were made"
COLUMNS = ["numbers", "command", "date", "version"]
NOT_MEASURED = {
    ("benchmarks", "machines"): "versions and settings",
    ("predictive", "hierarchical-networks"): "a coefficient of the model",
    ("training", "what-does-training-the-tensor-gain"): "the share of neurons that are driven",
}
"""Sections whose decimal numbers or percentages are not measured, and why."""

pytestmark = pytest.mark.command  # none of this depends on precision
of_pages = pytest.mark.parametrize("page", PAGES, ids=name_of)


class Section(NamedTuple):
    """A heading, the anchors of the headings that it lies in and its own, and its text."""

    title: str
    anchors: list[str]
    text: str


def sections_of(text):
    """The parts of a page, without their sub-sections."""
    parts = re.split(r"^(#{1,3}) (.*)$", text, flags=re.MULTILINE)
    above, sections = {}, []
    for marks, title, body in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        above = {depth: name for depth, name in above.items() if depth < len(marks)}
        above[len(marks)] = anchor_of(title)
        sections.append(Section(title, list(above.values()), body))
    return sections


def rows_of(text):
    """The cells of a table, its head first and without the line below it."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return [row for row in cells if not set("".join(row)) <= set("-: ")]


def has_numbers(text):
    """Whether a text has measured numbers: decimal ones, percentages, or those with an interval."""
    for other in (r"`[^`]*`", r"\]\([^)]*\)", r"arXiv \d+\.\d+", r"95 % +\**interval", r"^    .*$"):
        text = re.sub(other, " ", text, flags=re.MULTILINE)
    return bool(re.search(r"\d\.\d|\d %|\d \[\d|\d \+- \d", text))


def last_of(text):
    """The rows of the last section, and the text before it."""
    *before, last = sections_of(text)
    assert last.title == LAST, f"the last section must be {LAST!r}"
    head, *rows = rows_of(last.text)
    assert head == COLUMNS and rows
    return rows, before


def assert_all_numbers_have_a_row(page, text):
    rows, sections = last_of(text)
    linked = [anchor for row in rows for anchor in re.findall(r"\]\(#([^)]*)\)", row[0])]
    assert all(re.search(r"\]\(#", row[0]) for row in rows), "each row must link to a section"
    anchors = {section.anchors[-1] for section in sections}
    assert [anchor for anchor in linked if anchor not in anchors] == []
    # The row of a whole page is for its sections; a title with own rows is not one of them.
    without = [
        section.anchors[-1]
        for section in sections
        if has_numbers(section.text) and not set(section.anchors) & set(linked)
    ]
    excepted = [anchor for name, anchor in NOT_MEASURED if name == page.stem]
    assert without == [anchor for anchor in without if anchor in excepted]
    assert set(excepted) <= set(without), "an exception that is none"


def assert_was_made(row):
    """The command can be run, and date and version are those of a past commit."""
    numbers, command, day, version = row
    made = re.fullmatch(r"`([^`]+)`", command)
    assert made, f"{numbers}: one command as code"
    assert_can_run(made[1])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", day), numbers
    assert date.fromisoformat(day) <= datetime.now(UTC).date(), numbers
    match = re.fullmatch(r"(\d+\.\d+\.\d+), [0-9a-f]{7}", version)
    assert match and match[1] in versions(), f"{numbers}: version and commit, as in 0.1.0, 1a2b3c4"


def versions():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    released = re.findall(r"^## (\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    return {project["version"], *released}


def assert_can_run(line):
    """A study or the ledger, benchmarks, or tests; settings of the environment may come first."""
    words = shlex.split(line)
    while re.fullmatch(r"[A-Z_]+=\S+", words[0]):
        words = words[1:]
    if words[0] == "nam-jax":
        assert_is_read(words[1:], line)
    elif words[:3] == ["python", "-m", "benchmarks"]:
        main = (ROOT / "benchmarks/__main__.py").read_text()  # imports all benchmarks, for seconds
        known = re.findall(r'^    "(\w+)": \w+\.run,$', main, re.MULTILINE)
        names = re.sub(r" --repeats \d+$", "", " ".join(words[3:])).split()
        assert names and set(names) <= set(known), line
    else:
        assert words[0] == "pytest", line
        paths = [word for word in words[1:] if word.startswith("tests/")]
        assert paths, line
        for path in paths:
            name, *inner = path.split("[")[0].split("::")
            assert (ROOT / name).exists(), line
            for function in inner:
                assert f"\ndef {function}(" in (ROOT / name).read_text(), line


@of_pages
def test_every_number_is_tied_to_a_command_a_date_and_a_version(page):
    text = prose_of(page)
    assert_all_numbers_have_a_row(page, text)
    for row in last_of(text)[0]:
        assert_was_made(row)


@pytest.fixture(scope="module")
def index():
    """The answer of each page, by its path; the questions are the titles of the pages."""
    rows = rows_of(prose_of(INDEX))[1:]
    links = [re.findall(r"\]\((.*)\)", link)[0] for _, _, link in rows]
    answers = {
        (INDEX.parent / link).resolve(): row[:2] for link, row in zip(links, rows, strict=True)
    }
    assert len(answers) == len(rows)
    return answers


def test_the_index_has_every_page_with_its_question_and_numbers(index):
    assert set(index) == set(PAGES)
    for page, (question, answer) in index.items():
        text = " ".join(prose_of(page).replace("**", "").split())
        if page.parent == INDEX.parent:
            assert text.startswith(f"# {question} "), f"the title of {page.name} is not {question}"
        numbers = re.findall(r"-?\d+\.\d+(?: \[[^]]*\]| \+- [\d.]+)?", answer)
        assert [number for number in numbers if number not in text] == [], page.name


def test_the_index_counts_the_verdicts_of_the_ledger(index):
    verdicts = [
        row[6].strip("*").split(":")[0]
        for row in rows_of((ROOT / "benchmarks/claims_full.md").read_text())[1:]
    ]
    kinds = ("holds", "holds where", "does not hold")
    counts = [verdicts.count(kind) for kind in kinds]
    assert sum(counts) == len(verdicts) > 80
    stated = re.findall(r"\d+", index[INDEX.with_name("claims.md")][1])
    assert [int(number) for number in stated] == [len(verdicts), *counts]
