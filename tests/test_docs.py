"""The README and the pages: names exist, links lead somewhere, all pages are in the navigation."""

import contextlib
import importlib
import io
import re
import tomllib

import pytest
import yaml
from pages import ROOT, anchors_of, prose_of

from nam_jax import cli

README = ROOT / "README.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
ROOMS = [path.name for path in (ROOT / "nam_jax").iterdir() if (path / "__init__.py").exists()]

pytestmark = pytest.mark.command  # none of this depends on precision
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


def code_in(page):
    """All inline code of a page, without lines that it quotes from files: their names are local."""
    prose = re.sub(r"^\| `[^`]+` (\| .*\.py\) \|)$", r"\1", prose_of(page), flags=re.MULTILINE)
    return re.findall(r"`([^`]+)`", prose)


def test_the_readme_is_short():
    text = README.read_text()
    (code,) = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(text.split()) <= 700
    assert len([line for line in code.splitlines() if line]) <= 10


def test_two_commands_set_it_up():
    text = README.read_text()
    assert "pip install uv && uv run nam-jax retrieve" in text and "uv run pytest" in text


# Names


def has(thing, names):
    """Whether `thing` has an attribute or field `names[0]`, this one `names[1]`, and so on."""
    for name in names:
        if name in getattr(thing, "__dataclass_fields__", {}):
            return True
        if not hasattr(thing, name):
            return False
        thing = getattr(thing, name)
    return True


@each_page
def test_names_with_their_room_exist(page):
    """`nam.measure.overlap`, `theory.one_step_error`, and what stands behind them with a dot."""
    rooms = "|".join(ROOMS)
    names = {
        text
        for code in code_in(page)
        for text in re.findall(rf"(?<![\w./])(?:nam\.)?((?:{rooms})(?:\.[A-Za-z]\w*)+)", code)
    }
    missing = [
        text
        for text in names
        if not has(importlib.import_module(f"nam_jax.{text.split('.')[0]}"), text.split(".")[1:])
    ]
    assert missing == []


@each_page
def test_class_names_exist(page):
    """`NeuronAstrocyte.certified(...)`: the class, and its methods and fields."""
    classes = {}
    for room in ROOMS:
        module = importlib.import_module(f"nam_jax.{room}")
        classes |= {name: getattr(module, name) for name in getattr(module, "__all__", ())}
    named = r"([A-Z][a-z]+(?:[A-Z0-9][A-Za-z0-9]*)*)(?:\.([a-z]\w*))?(?=[(.]|$)"
    missing = [
        code
        for code in code_in(page)
        if code not in WORDS and (match := re.match(named, code))
        if match[1] not in classes or (match[2] and not has(classes[match[1]], [match[2]]))
    ]
    assert missing == []


WORDS = {"Abstract...", "ValueError"}
"""Inline code that looks like a class of the library and is none."""


@pytest.fixture(scope="module")
def help_of():
    """The help of a command, or of all; asked once each."""
    texts = {}

    def ask(*words):
        if words not in texts:
            with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):
                cli.main([*words, "--help"])
            texts[words] = out.getvalue()
        return texts[words]

    return ask


@each_page
def test_commands_and_their_flags_exist(page, help_of):
    commands = re.findall(r"nam-jax ((?:[a-z][\w-]*)?(?: [^`#|\n;,]*)?)", page.read_text())
    for command in commands:
        name, *rest = command.split() or [""]
        if name and not name.startswith("-"):
            assert name in help_of().split(), command
            for flag in (word for word in rest if word.startswith("--")):
                assert flag in help_of(name) or flag == "--help", command


FOLDERS = r"(?:configs|notebooks|tests|nam_jax|docs|benchmarks|\.ci)"


@each_page
def test_files_that_are_named_exist(page):
    names = {name for code in code_in(page) for name in re.findall(rf"{FOLDERS}/[\w./]*", code)}
    assert [name for name in sorted(names) if not (ROOT / name).exists()] == []


# Links


def links_of(page):
    """The links of a page to files here: pairs of a path and an anchor, which may be empty."""
    links = re.findall(r"\]\(([^)#\s]*)#?([^)\s]*)\)", prose_of(page))
    return [
        ((page.parent / path).resolve() if path else page, anchor)
        for path, anchor in links
        if not path.startswith(("http:", "https:", "mailto:"))
    ]


@each_page
def test_local_links_lead_somewhere(page):
    links = links_of(page)
    missing = [path for path, _ in links if not path.exists()]
    lost = [(path, anchor) for path, anchor in links if anchor and anchor not in anchors_of(path)]
    assert missing == [] and lost == []


def test_every_page_is_in_the_navigation_of_the_site():
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert pages <= set(_leaves(site["nav"]))


def _leaves(nav):
    """The pages of a navigation, from lists and sections inside it."""
    if isinstance(nav, str):
        return [nav]
    parts = nav.values() if isinstance(nav, dict) else nav
    return [leaf for part in parts for leaf in _leaves(part)]


# How to cite


def test_the_citation_names_the_software_and_the_three_texts():
    """Valid CFF 1.2.0 by its own validator once; here what a release can break."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert citation["cff-version"] == "1.2.0" and citation["message"]
    assert (citation["title"], citation["license"]) == (project["name"], project["license"])
    assert citation["version"] == project["version"]
    first = [text["authors"][0]["family-names"] for text in citation["references"]]
    assert first == ["Kozachkov", "Kafraj", "Hanley"]
