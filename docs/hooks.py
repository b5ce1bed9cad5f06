"""What MkDocs does besides its plugins when it builds the site.

Adds the notebooks and the pages that lie outside `docs/`, leads links to other files to the
repository, links names of the library to the API, and turns equations into MathML, so that pages
need no script and no other server.
"""

import functools
import html
import importlib
import posixpath
import re
from pathlib import Path

import latex2mathml.converter
import nbconvert
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
    for name in BESIDES:
        files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        for name, content in _from_notebook(path, config.repo_url).items():
            files.append(File.generated(config, f"notebooks/{name}", content=content))
    return files


def _from_notebook(path: Path, repo_url: str) -> dict[str, str | bytes]:
    """The page of a notebook and its pictures, by file name."""
    exporter = nbconvert.MarkdownExporter()
    resources = {"output_files_dir": f"{path.stem}_files", "unique_key": path.stem}
    text, made = exporter.from_filename(str(path), resources)
    address = f"{repo_url.removeprefix('https://')}/blob/main/notebooks/{path.name}"
    colab = f"https://colab.research.google.com/{address.replace('github.com', 'github', 1)}"
    title, rest = text.lstrip().split("\n", 1)
    text = f"{title}\n\n[Open in Colab]({colab}){{ .md-button }}\n{rest}"
    text = re.sub(r"!\[png\]", "![What the cell above draws]", text)
    return {f"{path.stem}.md": text} | made["outputs"]


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Leads relative links to files outside the site to the repository."""
    folder = posixpath.dirname(page.file.src_uri)
    if page.file.src_uri not in BESIDES and not page.file.src_uri.startswith("notebooks/"):
        folder = posixpath.join("docs", folder)

    def moved(match: re.Match) -> str:
        path, anchor = match[1], match[2]
        if re.match(r"[a-z]+:", path) or not path:
            return match[0]
        target = posixpath.normpath(posixpath.join(folder, path))
        uri = target.removeprefix("docs/").replace(".ipynb", ".md")
        if files.get_file_from_path(uri):
            here = posixpath.dirname(page.file.src_uri) or "."
            return f"]({posixpath.relpath(uri, here)}{anchor})"
        if not (ROOT / target).exists():
            return match[0]  # MkDocs warns of it
        return f"]({config.repo_url}/blob/main/{target}{anchor})"

    return re.sub(r"\]\(([^)#\s]*)(#?[^)\s]*)\)", moved, markdown)


def on_page_content(content: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turns equations into MathML, and names of the library into links to the API."""
    soup = BeautifulSoup(content, "html.parser")
    for equation in soup.select(".arithmatex"):
        shown = "block" if equation.name == "div" else "inline"
        tex = html.unescape(equation.get_text().strip())[2:-2]
        math = latex2mathml.converter.convert(tex, display=shown)
        equation.replace_with(BeautifulSoup(math, "html.parser"))
    for code in soup.find_all("code"):
        identifier = None if code.find(True) else _identifier(code.get_text())
        if identifier and not code.find_parent(["a", "pre", "h1", "h2", "h3", "h4", "autoref"]):
            code.wrap(soup.new_tag("autoref", identifier=identifier))
    return str(soup)


def _identifier(text: str) -> str | None:
    """The full name of what inline code names: `nam.settle(...)`, `solve.Flow`, `Hopfield`."""
    match = re.match(r"(?:nam\.|nam_jax\.)?(?:([a-z]+)\.)?(\w+)(?:\(.*\))?$", text, re.DOTALL)
    return match and _public().get((match[1], match[2]))


@functools.cache
def _public() -> dict[tuple[str | None, str], str]:
    """Full names by room and name; classes also by their name alone, if it is unique."""
    import nam_jax

    rooms = [name for name in nam_jax.__all__ if not callable(getattr(nam_jax, name))]
    names = {(None, name): f"nam_jax.{name}" for name in set(nam_jax.__all__) - set(rooms)}
    for room in rooms:
        for name in importlib.import_module(f"nam_jax.{room}").__all__:
            names[room, name] = f"nam_jax.{room}.{name}"
            if name[0].isupper():
                names.setdefault((None, name), names[room, name])
    return names


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Gives the search a name that screen readers can say, and asks GitHub for nothing."""
    dialog = '<div class="md-search" data-md-component="search" role="dialog"'
    output = output.replace(dialog, f'{dialog} aria-label="Search"')
    return output.replace(' data-md-component="source"', "")
