"""The ledger's page: rows are remade alone, and nothing but such a page is taken for one."""

import re
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pytest

import nam_jax
from nam_jax import cli
from nam_jax.experiment import claims
from nam_jax.experiment.claims import _registry as registry
from nam_jax.experiment.claims import _run as claims_run
from nam_jax.experiment.claims._finding import Finding
from nam_jax.experiment.claims._page import COLUMNS, read_page
from nam_jax.experiment.claims._registry import all_claims, claim
from nam_jax.record import ConfigError, Context

BENCHMARKS = Path(nam_jax.__file__).parents[1] / "benchmarks"
VALUES = {"first": 1.0, "second": 2.0, "third": 3.0}


@pytest.fixture
def values(monkeypatch):
    """What the checks of three claims measure, to be changed at will."""
    monkeypatch.setattr(registry, "_CLAIMS", {})
    monkeypatch.setattr(registry, "FILES", ())
    values = dict(VALUES)

    def check(key):
        def measured(fast):
            """What is | computed."""
            number = values[key]
            return Finding(number, number, number, "a\nnumber | b", {"here": number > 0})

        return measured

    for key in values:
        claim(key, rf"the \ {key} | statement", "a source \\")(check(key))
    return values


@pytest.fixture
def page(values, tmp_path):
    """A page of all three rows, as of another version and day."""
    claims.study.run(claims.study.config(), Context(folder=tmp_path))
    path = tmp_path / "claims.md"
    text = path.read_text()
    now = " | ".join(cells(text, "first")[8:10])
    path.write_text(text.replace(f"| {now} |", "| 0.0.7 | 2020-02-29 |"))
    assert path.read_text().count("| 0.0.7 | 2020-02-29 |") == 3
    return path


def line_of(text, key):
    (line,) = (line for line in text.split("\n") if line.startswith(f"| {key} |"))
    return line


def cells(text, key):
    """The cells of a row, by a way of its own: at bars that stand behind no backslash."""
    parts = re.split(r"(?<!\\)\|", line_of(text, key))
    return [part.strip() for part in parts[1:-1]]


def test_a_row_has_a_cell_a_column_with_version_and_day(values, tmp_path):
    dataset = claims.study.run(claims.study.config(only=("second",)), Context(folder=tmp_path))
    row = cells((tmp_path / "claims.md").read_text(), "second")
    assert len(row) == len(COLUMNS)
    named = dict(zip(COLUMNS, row, strict=True))
    assert named["statement"] == r"the \ second \| statement"
    assert named["what it is"] == r"a number \| b"
    assert named["what is computed"] == r"What is \| computed."
    assert named["version"] == version("nam-jax")
    assert named["date"] == datetime.now(UTC).date().isoformat()
    assert named["device"] == dataset.attrs["device"]


def test_only_the_rows_asked_for_are_remade(values, page):
    before = page.read_bytes().decode()
    values["second"] = -5.0
    claims.study.run(claims.study.config(only=("second",), page=str(page)))
    after = page.read_bytes().decode()
    assert cells(after, "second")[4] == "-5" and cells(after, "second")[6] == "**does not hold**"
    assert cells(after, "second")[8:10] != ["0.0.7", "2020-02-29"]
    assert after == before.replace(line_of(before, "second"), line_of(after, "second"))
    assert [path.name for path in page.parent.iterdir()] == ["claims.md"]


@pytest.mark.command
def test_a_page_in_the_folder_of_the_run_keeps_its_other_rows(values, page):
    words = ["claims", "--only", "second", "--quiet", "--out", str(page.parent)]
    assert cli.main([*words, "--page", str(page)]) == 0
    assert list(rows(page)) == ["first", "second", "third"]


@pytest.mark.parametrize("key", VALUES)
def test_a_row_that_the_page_lacks_comes_to_its_place(values, page, key):
    whole = page.read_text()
    page.write_text(whole.replace(line_of(whole, key) + "\n", ""))
    claims.study.run(claims.study.config(only=(key,), page=str(page)))
    assert list(rows(page)) == ["first", "second", "third"]
    assert page.read_text() == whole.replace(line_of(whole, key), line_of(page.read_text(), key))


def rows(path, fast=False):
    return read_page(path, fast=fast, keys=list(all_claims())).rows


FAULTS = {
    "another text": lambda text: "# Claims\n",
    "nothing": lambda text: "",
    "a changed head": lambda text: text.replace("fixed seeds", "seeds"),
    "another table": lambda text: text.replace("| verdict |", "| judgement |"),
    "the end cut off": lambda text: text[:-30],
    "a further line": lambda text: text + "Further words.\n",
    "a blank line": lambda text: text + "\n",
    "a row twice": lambda text: text + line_of(text, "first") + "\n",
    "no claim's row": lambda text: text.replace("| third |", "| zebra |"),
    "a cell less": lambda text: text.replace(" | 0.0.7 | 2020", " | 2020"),
    "a bar more": lambda text: text.replace(r"b | **", "b | | **"),
    "a wrong day": lambda text: text.replace("2020-02-29", "29.2.2020"),
    "no verdict": lambda text: text.replace("**holds**", "holds"),
    "other line ends": lambda text: text.replace("\n", "\r\n"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_no_page_of_ours_is_refused_before_any_check(values, page, monkeypatch, fault):
    changed = FAULTS[fault](page.read_text())
    assert changed != page.read_text()
    page.write_bytes(changed.encode())
    monkeypatch.setattr(claims_run, "_check", None)
    with pytest.raises(ConfigError, match=r"claims\.md: .*\.$") as caught:
        claims.study.run(claims.study.config(only=("second",), page=str(page)))
    assert "\n" not in str(caught.value) and page.read_bytes() == changed.encode()


def test_a_file_that_is_no_text_and_one_that_is_not_there_are_refused(values, tmp_path):
    (tmp_path / "image.md").write_bytes(bytes(range(256)))
    for name, reason in (("image.md", "is not a page"), ("none.md", "there is no such")):
        with pytest.raises(ConfigError, match=rf"{name}: {reason}"):
            claims.study.run(claims.study.config(page=str(tmp_path / name)))


def test_quick_rows_do_not_go_into_a_page_of_full_ones(values, page):
    with pytest.raises(ConfigError, match=r"is a page of `nam-jax claims`, not of .* --fast`"):
        claims.study.run(claims.study.config(fast=True, page=str(page)))


@pytest.mark.command
def test_the_command_remakes_a_row_and_refuses_another_page_in_one_sentence(
    values, page, tmp_path, capsys
):
    values["first"] = 7.0
    words = ["claims", "--only", "first", "--quiet", "--out", str(tmp_path / "run")]
    assert cli.main([*words, "--page", str(page)]) == 0
    assert cells(page.read_text(), "first")[4] == "7"
    capsys.readouterr()
    page.write_text("my notes\n")
    assert cli.main([*words, "--page", str(page)]) == 2
    assert capsys.readouterr().err.count("\n") == 1 and page.read_text() == "my notes\n"


@pytest.mark.parametrize(("name", "fast"), [("claims.md", True), ("claims_full.md", False)])
def test_the_checked_in_pages_can_be_remade(name, fast):
    """The full page may lack rows of new claims until all is run anew."""
    page = read_page(BENCHMARKS / name, fast=fast, keys=list(all_claims()))
    assert list(page.rows) == [key for key in all_claims() if key in page.rows]
    assert page.rows and page.text() == (BENCHMARKS / name).read_text("utf-8")
