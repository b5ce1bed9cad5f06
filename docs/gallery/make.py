"""Runs entries of the gallery, and writes their pictures, the log and the page.

An entry is a file of this folder and one word of `GROUPS`. Its docstring has three paragraphs: a
title, what the picture shows with the source, and the picture in words for those who do not see it.
Its code draws one figure, 3.4 in wide, and prints at most one line.

    uv run python docs/gallery/make.py                  # all entries
    uv run python docs/gallery/make.py energy tones     # these two
    uv run python docs/gallery/make.py --page           # none: the page alone
"""

import argparse
import ast
import contextlib
import datetime
import html
import io
import os
import re
import runpy
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).resolve().parent
STYLE = "nam_jax.figures"
DPI = 200
LARGEST = 60_000
"""Bytes of a picture of lines; larger ones are kept as PNG."""
COLUMNS = ("entry", "date", "nam-jax", "JAX", "device", "seconds", "prints")

GROUPS = {
    "Recall": ["photographs", "damage", "energy", "layers", "tones", "slots"],
    "Neurons and astrocytes": ["regimes", "threshold", "gating", "lesion", "astrocyte"],
    "Dense memories": ["orders", "capacity", "phase", "basin", "negative", "mixtures"],
    "One pass": ["universal", "temperature", "samples", "echo", "crosstalk"],
    "Learning rules": ["rules", "forgetting"],
    "Composed networks": ["completion", "predictive", "triples"],
    "Dendrites": ["rates", "parts"],
    "Attention": ["attention", "features", "tokens"],
    "Training and sweeps": ["training", "gradient", "sweep", "codec"],
}
"""The entries by subject, in the order of the page."""

ENTRIES = [name for names in GROUPS.values() for name in names]

LOG = """# Log of the gallery

The last run of each entry of the [gallery](index.md), by `uv run python docs/gallery/make.py`.
Seconds are wall time with compiling, on a machine that did other work too.

"""

PAGE = """# Gallery

Every picture is made by the code below it. Put `import matplotlib.pyplot as plt` and
`plt.style.use("nam_jax.figures")` before the code to draw it in the same style. The
[log](log.md) says when each entry ran, with which versions, and in how many seconds.

"""


class Entry(NamedTuple):
    """The parts of a file of the gallery."""

    title: str
    text: str
    alt: str
    code: str


def read(name: str) -> Entry:
    """Returns the parts of the entry `name`."""
    source = (FOLDER / f"{name}.py").read_text()
    paragraphs = (ast.get_docstring(ast.parse(source)) or "").split("\n\n")
    if len(paragraphs) != 3:
        raise ValueError(f"{name}.py must start with three paragraphs: title, text, picture.")
    title, text, alt = (" ".join(paragraph.split()) for paragraph in paragraphs)
    end = ast.parse(source).body[0].end_lineno
    code = "\n".join(source.splitlines()[end:]).strip()
    return Entry(title.rstrip("."), text, alt, code)


def run(name: str, folder: Path) -> dict[str, str]:
    """Runs the entry `name`, saves its picture in `folder`, and returns its row of the log."""
    import jax
    import matplotlib

    import nam_jax as nam

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    plt.close("all")
    printed, begun = io.StringIO(), time.perf_counter()
    with (
        plt.style.context(STYLE, after_reset=True),
        tempfile.TemporaryDirectory() as empty,
        contextlib.chdir(empty),
        contextlib.redirect_stdout(printed),
    ):
        runpy.run_path(str(FOLDER / f"{name}.py"))
        figure = plt.gcf()
        # Text as curves looks the same everywhere.
        plt.rcParams["svg.fonttype"] = "path"
        path = folder / f"{name}.svg"
        path.with_suffix(".png").unlink(missing_ok=True)
        figure.savefig(path, metadata={"Date": None, "Creator": None})
        if any(axes.images for axes in figure.axes) or path.stat().st_size > LARGEST:
            path.unlink()
            figure.savefig(path.with_suffix(".png"), dpi=DPI, metadata={"Software": None})
    seconds = time.perf_counter() - begun
    device = f"{jax.devices()[0].device_kind}, {os.cpu_count()} cores"
    today = datetime.date.today().isoformat()
    text = printed.getvalue().strip()
    values = (name, today, nam.__version__, jax.__version__, device, f"{seconds:.1f}", text)
    return dict(zip(COLUMNS, values, strict=True))


def read_log(folder: Path) -> dict[str, dict[str, str]]:
    """Returns the rows of the log by entry; none if there is no log."""
    path = folder / "log.md"
    lines = path.read_text().splitlines() if path.exists() else []
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]
    return {row[0]: dict(zip(COLUMNS, row, strict=True)) for row in cells[2:]}


def write_log(folder: Path, rows: dict[str, dict[str, str]]) -> None:
    """Writes the rows of the log, in the order of the page."""
    table = [COLUMNS, ["---"] * len(COLUMNS)]
    table += [list(rows[name].values()) for name in ENTRIES if name in rows]
    lines = [f"| {' | '.join(cells)} |" for cells in table]
    (folder / "log.md").write_text(LOG + "\n".join(lines) + "\n")


def picture_of(name: str) -> Path:
    """Returns the picture of the entry `name`."""
    (path,) = (path for path in FOLDER.glob(f"{name}.*") if path.suffix in (".png", ".svg"))
    return path


def size_of(path: Path) -> tuple[int, int]:
    """Returns width and height of a picture as shown, 120 pixels an inch."""
    if path.suffix == ".svg":
        width, height = re.findall(r'(?:width|height)="([\d.]+)pt"', path.read_text())[:2]
        return round(float(width) * 120 / 72), round(float(height) * 120 / 72)
    import PIL.Image

    with PIL.Image.open(path) as image:
        return tuple(round(pixels * 120 / DPI) for pixels in image.size)


def tag(name: str, alt: str) -> str:
    """Returns the HTML of the picture of an entry."""
    path = picture_of(name)
    width, height = size_of(path)
    size = f'width="{width}" height="{height}"'
    return f'<img src="{path.name}" alt="{html.escape(alt)}" {size} loading="lazy">'


def anchor(title: str) -> str:
    """Returns the anchor that a heading makes."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def page() -> str:
    """Returns the page: small pictures that lead to the entries, then the entries by subject."""
    rows = read_log(FOLDER)
    titles = {name: read(name).title for name in ENTRIES}
    small = [
        f'<a href="#{anchor(title)}">{tag(name, title)}'
        f'<span aria-hidden="true">{html.escape(title)}</span></a>'
        for name, title in titles.items()
    ]
    parts = [PAGE, '<div class="gallery">\n', "\n".join(small), "\n</div>\n"]
    for group, names in GROUPS.items():
        parts.append(f"\n## {group}\n")
        for name in names:
            title, text, alt, code = read(name)
            parts += [f"\n### {title}\n\n{text}\n\n{tag(name, alt)}\n"]
            parts += [f"\n```python\n{code}\n```\n"]
            if rows[name]["prints"]:
                parts += [f"\n```text\n{rows[name]['prints']}\n```\n"]
    return "".join(parts)


def main() -> None:
    """Reads the command line and does what it says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help="entries to run; all without any")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder of pictures and log")
    parser.add_argument("--page", action="store_true", help="run nothing, write the page alone")
    given = parser.parse_args()
    folder = given.out.resolve()
    unknown = sorted(set(given.names) - set(ENTRIES))
    if unknown:
        parser.error(f"no such entry: {', '.join(unknown)}; there are {', '.join(ENTRIES)}")
    for name in [] if given.page else given.names or ENTRIES:
        row = run(name, folder)
        print(f"{name}: {row['seconds']} s  {row['prints']}", flush=True)
        write_log(folder, read_log(folder) | {name: row})
    if folder == FOLDER:
        (FOLDER / "index.md").write_text(page())


if __name__ == "__main__":
    main()
