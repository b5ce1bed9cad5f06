"""What MkDocs does besides its plugins when it builds the site.

Adds the notebooks and the pages that lie outside `docs/`, leads links to other files to the
repository, links names of the library to the API, and turns equations into MathML, so that pages
need no script and no other server.
"""

import functools
import html
import importlib
import inspect
import posixpath
import re
from pathlib import Path

import latex2mathml.converter
import nbconvert
import nbformat
from bs4 import BeautifulSoup
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
BESIDES = (
    *("CHANGELOG.md", "CONTRIBUTING.md", "benchmarks/claims.md", "benchmarks/claims_full.md"),
    "notebooks/recall.png",
)
"""Files of the repository that are pages or pictures of the site, although not in `docs/`."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds pages and pictures from outside `docs/`."""
    assert config.repo_url
    for name in BESIDES:
        files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        for name, content in _from_notebook(path).items():
            files.append(File.generated(config, f"notebooks/{name}", content=content))
    return files


def _from_notebook(path: Path) -> dict[str, str | bytes]:
    """The page of a notebook and its pictures, by file name."""
    notebook = nbformat.read(path, as_version=4)
    resources = {"output_files_dir": f"{path.stem}_files", "unique_key": path.stem}
    exporter = nbconvert.MarkdownExporter()
    text, made = exporter.from_notebook_node(notebook, resources)
    # The badge is a picture of another server.
    text = re.sub(r"\[!\[[^\]]*\]\([^)]*\)\](\([^)]*\))", r"[Open in Colab]\1{ .md-button }", text)

    def described(match: re.Match) -> str:
        return f"![Figure: {_about(notebook, int(match[2]))}]({match[1]})"

    text = re.sub(r"!\[png\]\(([^)]*_(\d+)_\d+\.png)\)", described, text)
    return {f"{path.stem}.md": text} | made["outputs"]


def _about(notebook: nbformat.NotebookNode, place: int) -> str:
    """The first sentence of the last Markdown cell before a cell, without its marks."""
    cells = [cell.source for cell in notebook.cells[:place] if cell.cell_type == "markdown"]
    plain = re.sub(r"^#.*$|[*`$\\]", "", cells[-1], flags=re.MULTILINE)
    plain = " ".join(re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", plain).split())
    sentence = re.match(r"(?:[^.?]{1,50}[.?] )?.*?[.?](?= |$)", plain)
    return re.sub(r"[][]", "", sentence[0] if sentence else plain)


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Leads links to files of the repository to their pages, or else to the repository."""
    folder = posixpath.dirname(page.file.src_uri)
    if page.file.src_uri not in BESIDES and not page.file.src_uri.startswith("notebooks/"):
        folder = posixpath.join("docs", folder)

    def moved(match: re.Match) -> str:
        path, anchor = match[1], match[2]
        here = path.removeprefix(f"{config.repo_url}/blob/main/")  # as notebooks link, for Colab
        if re.match(r"[a-z]+:", here) or not path:
            return match[0]
        target = posixpath.normpath(posixpath.join(folder, path)) if here == path else here
        uri = target.removeprefix("docs/").replace(".ipynb", ".md")
        page_there = files.get_file_from_path(uri)
        if page_there and page_there.inclusion.is_included():
            start = posixpath.dirname(page.file.src_uri) or "."
            return f"]({posixpath.relpath(uri, start)}{anchor})"
        if not (ROOT / target).exists():
            return match[0]  # MkDocs warns of it
        return f"]({config.repo_url}/blob/main/{target}{anchor})"

    return re.sub(r"\]\(([^)#\s]*)(#?[^)\s]*)\)", moved, markdown)


def on_page_content(content: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turns equations into MathML and names into links, and gives tables the looks of the site."""
    soup = BeautifulSoup(content, "html.parser")
    for equation in soup.select(".arithmatex"):
        shown = "block" if equation.name == "div" else "inline"
        tex = html.unescape(equation.get_text().strip())[2:-2]
        math = latex2mathml.converter.convert(tex, display=shown)
        equation.replace_with(BeautifulSoup(math, "html.parser"))
    for table in soup.select("table.dataframe"):  # of pandas, in notebooks
        del table["class"], table["border"]
    room = page.file.src_uri.removeprefix("api/").removesuffix(".md")
    for code in soup.find_all("code"):
        identifier = None if code.find(True) else _identifier(code.get_text(), room)
        if identifier and not code.find_parent(["a", "pre", "h1", "h2", "h3", "h4", "autoref"]):
            code.wrap(soup.new_tag("autoref", identifier=identifier))
    return str(soup)


def _identifier(text: str, room: str) -> str | None:
    """The full name of what code names: `nam.settle(...)`, `solve.Flow`, `Hopfield.learned`.

    The page of a room also names its functions alone; a name of one word may be an argument there.
    """
    if "_" in text and f"{room}.{text}" in _public():
        return _public()[f"{room}.{text}"]
    match = re.match(r"(?:nam\.|nam_jax\.)?([\w.]+)(?:\(.*\))?$", text, re.DOTALL)
    if not match or match[1] in _public():
        return match and _public()[match[1]]
    owner, _, member = match[1].rpartition(".")
    full = _public().get(owner)
    if not full or member.startswith("_"):
        return None
    room, _, name = full.rpartition(".")
    value = getattr(importlib.import_module(room), name)
    classes = inspect.getmro(value) if inspect.isclass(value) else ()
    ours = [vars(base) for base in classes if base.__module__.startswith("nam_jax.")]
    known = any(member in names or member in names.get("__annotations__", ()) for names in ours)
    return f"{full}.{member}" if known else None


@functools.cache
def _public() -> dict[str, str]:
    """Full names by room and name, of classes also by their name alone, if it is unique."""
    import nam_jax

    names = {}

    def add(room: str) -> None:
        module = importlib.import_module(f"nam_jax.{room}")
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.ismodule(value):
                add(f"{room}.{name}")
                continue
            names[f"{room}.{name}"] = f"nam_jax.{room}.{name}"
            if inspect.isclass(value):
                names.setdefault(name, f"nam_jax.{room}.{name}")

    for name in nam_jax.__all__:
        if callable(getattr(nam_jax, name)):
            names[name] = f"nam_jax.{name}"
        else:
            add(name)
    return names


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Gives the search a name that screen readers can say, and asks GitHub for nothing."""
    dialog = '<div class="md-search" data-md-component="search" role="dialog"'
    output = output.replace(dialog, f'{dialog} aria-label="Search"')
    return output.replace(' data-md-component="source"', "")
