"""The code on the pages runs, and prints what the pages say.

* `python`: the blocks of a page are one program. Output stands in a `text` block after the block.
* `sh`: commands that run here; `bash`: scripts for other machines, which are only read.
* `toml`: settings of a command.
"""

import contextlib
import io
import math
import os
import re
import shlex
import subprocess
import sys
import tomllib
from typing import NamedTuple

import jax
import pytest
from pages import ROOT, assert_is_read, name_of

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
PAGES.remove(ROOT / "docs" / "gallery" / "index.md")  # its blocks are programs of their own
LANGUAGES = {"python", "text", "sh", "bash", "toml"}


class Block(NamedTuple):
    """A block of code of a page, and the line at which it begins."""

    language: str
    code: str
    line: int
    title: str


def blocks_of(page):
    text = page.read_text()
    fences = re.finditer(r"^( *)```(\S*)([^\n]*)\n(.*?)^\1```$", text, re.MULTILINE | re.DOTALL)
    return [
        Block(match[2], match[4], text[: match.start()].count("\n") + 2, match[3])
        for match in fences
    ]


def with_code(language):
    pages = [page for page in PAGES if any(block.language == language for block in blocks_of(page))]
    return pytest.mark.parametrize("page", pages, ids=name_of)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_blocks_have_a_language_and_a_moderate_size(page):
    blocks = [block for block in blocks_of(page) if "--8<--" not in block.code]
    assert {block.language for block in blocks} <= LANGUAGES
    assert all(len(block.code.splitlines()) <= 26 for block in blocks if block.language == "python")
    for before, block in zip([None, *blocks], blocks, strict=False):
        if block.language == "text":
            assert before and before.language in ("python", "sh"), f"line {block.line}: no command"


# Python


@contextlib.contextmanager
def as_for_users(folder):
    """The defaults of JAX instead of the strict ones of the tests, in an empty folder."""
    with (
        contextlib.chdir(folder),
        jax.numpy_dtype_promotion("standard"),
        jax.numpy_rank_promotion("allow"),
    ):
        yield


def assert_same_text(printed, written, where):
    """The same words; numbers within 2 %, or 0.02 of small ones."""
    number = r"[-+]?\d+\.?\d*(?:e[-+]?\d+)?"
    assert re.sub(number, "#", printed).split() == re.sub(number, "#", written).split(), where
    for one, other in zip(re.findall(number, printed), re.findall(number, written), strict=True):
        near = math.isclose(float(one), float(other), rel_tol=0.02, abs_tol=0.02)
        assert near, f"{where}: printed {one}, but the page has {other}"


def run_python(page, folder):
    """Runs the blocks of a page as one program; compares what each of them prints."""
    blocks = [block for block in blocks_of(page) if block.language in ("python", "text")]
    names = {"__name__": "__main__"}
    for index, block in enumerate(blocks):
        if block.language == "text":
            continue
        where = f"{page.name}, line {block.line}"
        program = compile("\n" * (block.line - 1) + block.code, str(page), "exec")
        with as_for_users(folder), contextlib.redirect_stdout(io.StringIO()) as out:
            exec(program, names)
        after = blocks[index + 1 : index + 2]
        written = after[0].code if after and after[0].language == "text" else ""
        assert_same_text(out.getvalue(), written, where)


@pytest.mark.command
@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=() if page.stem == "README" else pytest.mark.slow)
        for page in PAGES
        if any(block.language == "python" for block in blocks_of(page))
    ],
    ids=name_of,
)
def test_python_runs(page, tmp_path, monkeypatch):
    """The README in the default suite, all other pages where the gate runs notebooks."""
    monkeypatch.setattr(sys, "argv", ["example.py"])
    run_python(page, tmp_path)


# Commands


def commands_of(page, language="sh"):
    """The words after `nam-jax` of each command of a page, and the line as it is written."""
    for block in blocks_of(page):
        if block.language == language:
            code = re.sub(r"\\\n", " ", block.code)
            for line in re.split(r"\n|&&|&(?= *(?:\n|$))", code):
                match = re.search(r"(?:^|uv run (?:--extra \w+ )?|\s)nam-jax (.*)", line)
                if match and not line.lstrip().startswith("#"):
                    words = shlex.split(match[1], comments=True)
                    words = words[: words.index(">")] if ">" in words else words
                    yield words, line.strip()


@with_code("sh")
def test_commands_are_known_and_their_values_are_right(page):
    for words, line in commands_of(page):
        assert_is_read(words, line)


@with_code("bash")
def test_scripts_for_other_machines_can_be_read(page):
    for block in blocks_of(page):
        if block.language == "bash":
            subprocess.run(["bash", "-n"], input=block.code, text=True, check=True, timeout=20)
    for words, line in commands_of(page, "bash"):
        assert_is_read(words, line)


@pytest.fixture(scope="module")
def folder_with_data(tmp_path_factory):
    """A folder with the configs of the repository and the data that the pages speak of."""
    folder = tmp_path_factory.mktemp("pages")
    (folder / "configs").symlink_to(ROOT / "configs")
    (folder / "benchmarks").mkdir()
    make_data(folder)
    return folder


def make_data(folder):
    """A folder of pictures, CIFAR-10 batches and an IDX file, with images of the library."""
    import gzip

    import numpy as np
    from PIL import Image

    import nam_jax as nam

    images = np.asarray(nam.data.load_images("photos", num_images=12).images)
    pixels = np.round(images * 255).astype(np.uint8)
    (folder / "my-photos").mkdir()
    (folder / "cifar-10-batches-bin").mkdir()
    for index, picture in enumerate(pixels):
        Image.fromarray(picture).save(folder / "my-photos" / f"{index}.png")
    rows = np.tile(pixels.transpose(0, 3, 1, 2).reshape(len(pixels), -1), (3, 1))
    records = np.concatenate([np.zeros((len(rows), 1), np.uint8), rows], axis=1)
    for name in (*(f"data_batch_{part}" for part in range(1, 6)), "test_batch"):
        (folder / "cifar-10-batches-bin" / f"{name}.bin").write_bytes(records.tobytes())
    digits = np.random.default_rng(0).integers(0, 2, (20, 28, 28), np.uint8) * 255
    header = np.array([2051, *digits.shape], ">i4").tobytes()
    path = folder / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(header + digits.tobytes()))


@pytest.mark.slow
@with_code("sh")
def test_commands_run(page, folder_with_data):
    """Takes long: the gate only reads them."""
    for words, line in commands_of(page):
        done = subprocess.run(
            [sys.executable, "-m", "nam_jax", *words], cwd=folder_with_data, text=True,
            capture_output=True, timeout=900, env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert done.returncode == 0, f"{line}\n{done.stderr}"


# Settings


@with_code("toml")
def test_settings_can_be_read(page):
    for block in blocks_of(page):
        if block.language == "toml":
            assert tomllib.loads(block.code), f"line {block.line}"
