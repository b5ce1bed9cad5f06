"""The README and the pages: examples run, names exist, links lead somewhere, all can be reached."""

import contextlib
import importlib
import io
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from nam_jax import cli

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
ROOMS = [path.name for path in (ROOT / "nam_jax").iterdir() if (path / "__init__.py").exists()]

pytestmark = pytest.mark.command  # none of this depends on precision
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


def prose_of(page):
    """The text of a page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def code_in(page):
    """All inline code of a page."""
    return re.findall(r"`([^`]+)`", prose_of(page))


def examples_of(page):
    return re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


# Examples


def check_recall(lines):
    assert "came to rest" in lines[0]
    assert float(re.findall(r"-?\d+\.\d+", lines[-1])[-1]) >= 0.99


def check_gradient(lines):
    assert "came to rest" in lines[0]
    assert int(re.findall(r"(\d+) iterations", lines[1])[0]) >= 1


def check_capacity(lines):
    value, low, high, exact = (float(text) for text in re.findall(r"\d+\.\d+", *lines))
    assert low <= value <= high and low < exact < high


def check_training(lines):
    assert len(lines) == 2
    for line in lines:
        labels, margin = (float(text) for text in re.findall(r"\d+\.\d+", line))
        assert labels >= 0.9 and margin >= 0.1 and line.endswith("All steps were done.")


def check_recalls(lines):
    text = "\n".join(lines)
    assert "5 converged" in text and "time_reached" in text
    assert re.search(r"energy: float32 \(5, 61\)", text)


def check_composed(lines):
    assert lines[0].startswith("EnergyNetwork") and "came to rest" in lines[-1]
    assert float(lines[-1].split()[-1]) >= 0.99


def check_setwise(lines):
    counts = [int(line.split()[0]) for line in lines]
    assert counts == [5, 6] and all("came to rest" in line for line in lines)


def check_hierarchy(lines):
    text = "\n".join(lines)
    assert "EnergyNetwork" in text and "came to rest" in text
    assert float(lines[-1].split(":")[1]) < 0.05


def check_predictive(lines):
    assert "came to rest" in lines[0]
    terms = {line.split(":")[0]: float(line.split(":")[1]) for line in lines[1:]}
    assert terms["x0"] == 0 and terms["Prediction(x0, x1)"] > 0


def check_tokens(lines):
    before, after = (float(re.findall(r"-?\d+\.\d+", line)[0]) for line in lines)
    assert after < before and "(9, 8)" in lines[0] and "came to rest" in lines[1]


def check_devices(lines):
    assert "came to rest" in lines[0] and re.fullmatch(r"\d+ devices, overlap 1.00", lines[1])


def check_sweeps(lines):
    assert lines[0] == "('flips', 'seed')"
    shares = [float(line.split(": ")[1].split()[0]) for line in lines[1:5]]
    assert shares == sorted(shares, reverse=True) and shares[0] >= 0.9 and shares[-1] <= 0.3
    assert lines[5].startswith("rate: 64 of 64 units (1 of 1 chunks)")


CHECKS = {
    "README": check_recall,
    "compose": check_composed,
    "recall": check_recalls,
    "gradients": check_gradient,
    "capacity": check_capacity,
    "training": check_training,
    "setwise": check_setwise,
    "hierarchy": check_hierarchy,
    "predictive": check_predictive,
    "tokens": check_tokens,
    "shard": check_devices,
    "sweep": check_sweeps,
}
"""Page: what its example prints must say."""


def test_every_example_is_run():
    examples = {page.stem: examples_of(page) for page in PAGES}
    assert {name for name, codes in examples.items() if codes} == set(CHECKS)
    assert all(len(codes) <= 1 for codes in examples.values())
    assert all(len(code.splitlines()) <= 26 for codes in examples.values() for code in codes)


@pytest.mark.parametrize(
    "name",
    ["README", *(pytest.param(name, marks=pytest.mark.slow) for name in list(CHECKS)[1:])],
)
def test_example_runs(name, tmp_path):
    (page,) = (page for page in PAGES if page.stem == name)
    (code,) = examples_of(page)
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, timeout=300)
    assert done.returncode == 0, done.stderr
    CHECKS[name](done.stdout.splitlines())


def test_the_readme_is_short():
    text = README.read_text()
    (code,) = examples_of(README)
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


def anchors_of(page):
    """The anchors that the headings of a page make."""
    headings = re.findall(r"^#+ (.*)$", prose_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


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
