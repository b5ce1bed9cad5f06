"""The gallery: entries have one form, the page and the log are those of the entries, entries run.

The gate runs three entries, other ones each day. All of them, or some:

    GALLERY=all uv run pytest -m "slow and command" tests/test_gallery.py
    GALLERY=energy,tones uv run pytest -m "slow and command" tests/test_gallery.py
"""

import ast
import datetime
import importlib
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import nam_jax

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "gallery"

pytestmark = pytest.mark.command  # none of this depends on precision


@pytest.fixture(scope="module")
def make():
    """The program that runs entries and writes the page."""
    spec = importlib.util.spec_from_file_location("gallery_make", FOLDER / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "make")
each_entry = pytest.mark.parametrize("name", NAMES)


def test_all_entries_are_on_the_page_once(make):
    assert sorted(make.ENTRIES) == NAMES and len(NAMES) >= 24


@each_entry
def test_an_entry_has_a_title_a_text_a_picture_in_words_and_few_lines(make, name):
    entry = make.read(name)
    assert 10 <= len(entry.title) <= 75 and not entry.title.endswith(".")
    assert entry.text.endswith((".", ")")) and entry.alt.endswith(".")
    assert 8 <= len(entry.text.split()) <= 60 and 8 <= len(entry.alt.split()) <= 60
    lines = [line for line in entry.code.splitlines() if line.strip()]
    code = [line for line in lines if not line.startswith(("import ", "from "))]
    assert 5 <= len(code) <= 18, len(code)
    assert max(map(len, lines)) <= 100
    assert entry.code.count("print(") <= 1


OURS = {"nam_jax"}
THEIRS = {"equinox", "jax", "matplotlib", "numpy", "optax", "scipy"}


@each_entry
def test_an_entry_uses_public_names_only(make, name):
    tree = ast.parse(make.read(name).code)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert {alias.name.split(".")[0] for alias in node.names} <= OURS | THEIRS
        elif isinstance(node, ast.ImportFrom):
            module = importlib.import_module(node.module)
            public = getattr(module, "__all__", dir(module))
            given = {alias.name for alias in node.names}
            if node.module == "nam_jax.experiment":  # studies are public by their command
                public = [study.name for study in module.STUDIES]
            assert given <= set(public), node.module
        elif isinstance(node, ast.Attribute):
            assert not node.attr.startswith("_") or node.attr == "__name__"
    rooms = set(re.findall(r"\bnam\.(\w+)", make.read(name).code))
    assert rooms <= set(nam_jax.__all__) | {"theory"}


def test_every_entry_has_one_picture_and_every_picture_an_entry(make):
    pictures = [path for path in FOLDER.iterdir() if path.suffix in (".png", ".svg")]
    assert sorted(path.stem for path in pictures) == NAMES
    assert max(path.stat().st_size for path in pictures) <= 100_000
    for path in pictures:
        width, height = make.size_of(path)
        assert width == 408 and 80 <= height <= 450, path.name


def test_the_log_has_a_row_of_every_entry(make):
    rows = make.read_log(FOLDER)
    assert list(rows) == make.ENTRIES
    for name, row in rows.items():
        assert datetime.date.fromisoformat(row["date"]) <= datetime.date.today(), name
        assert re.fullmatch(r"\d+\.\d+\.\d+\S*", row["nam-jax"]), name
        assert re.fullmatch(r"\d+\.\d+\.\d+\S*", row["JAX"]) and row["device"], name
        assert float(row["seconds"]) > 0, name
        assert bool(row["prints"]) == ("print(" in make.read(name).code), name


def test_the_page_is_that_of_the_entries_and_the_log(make):
    """Otherwise: `uv run python docs/gallery/make.py --page`."""
    assert (FOLDER / "index.md").read_text() == make.page()


def chosen(names):
    """Three entries, which change every day so that all of them are run in turn."""
    asked = os.environ.get("GALLERY")
    if asked:
        return names if asked == "all" else asked.split(",")
    start = 3 * datetime.date.today().toordinal()
    return [names[(start + place) % len(names)] for place in range(3)]


@pytest.mark.slow  # apart from the default suite, but the gate runs it
def test_entries_run_and_print_what_the_page_says(make, tmp_path):
    names = chosen(make.ENTRIES)
    words = [sys.executable, str(FOLDER / "make.py"), "--out", str(tmp_path), *names]
    again = f"run again by GALLERY={','.join(names)} uv run pytest -m slow tests/test_gallery.py"
    limit = 60 + 120 * len(names)
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=limit)
    assert done.returncode == 0, f"{again}\n{done.stderr}"
    logged, rows = make.read_log(FOLDER), make.read_log(tmp_path)
    assert sorted(rows) == sorted(set(names))
    for name in names:
        (picture,) = (path for path in tmp_path.iterdir() if path.stem == name)
        kept = make.picture_of(name)
        assert make.size_of(picture) == make.size_of(kept), f"{name}: {again}"
        assert 0.5 < picture.stat().st_size / kept.stat().st_size < 2, f"{name}: {again}"
        assert_same(rows[name]["prints"], logged[name]["prints"], f"{name}: {again}")


def assert_same(printed, logged, message):
    """The same words; numbers within 2 %, or 0.02 of small ones."""
    number = r"\d+\.?\d*(?:e[-+]?\d+)?"
    assert re.sub(number, "#", printed) == re.sub(number, "#", logged), message
    for one, other in zip(re.findall(number, printed), re.findall(number, logged), strict=True):
        assert math.isclose(float(one), float(other), rel_tol=0.02, abs_tol=0.02), message
