"""What tests of pages share: their text, their anchors, and commands that are read but not run."""

import contextlib
import io
import re
from pathlib import Path

import pytest

from nam_jax import cli, sweep
from nam_jax.experiment import STUDIES
from nam_jax.record import read_flags

ROOT = Path(__file__).parents[1]
OTHERS = {"plot", "completion"}
"""Commands that are no studies; a slow test runs those of the pages."""


def name_of(page):
    return page.relative_to(ROOT).with_suffix("").as_posix()


def prose_of(page):
    """The text of a page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def anchor_of(heading):
    """The anchor that a heading makes."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def anchors_of(page):
    """The anchors that the headings of a page make."""
    return {anchor_of(text) for text in re.findall(r"^#+ (.*)$", prose_of(page), re.MULTILINE)}


def assert_is_read(words, line):
    """The command, the words after `nam-jax`, reads its flags and settings; nothing is run."""
    name, *rest = words
    studies = {study.name: study for study in STUDIES}
    with contextlib.chdir(ROOT):
        if "--help" in words or name.startswith("-"):
            with contextlib.redirect_stdout(io.StringIO()), pytest.raises(SystemExit) as stopped:
                cli.main(words)
            assert stopped.value.code == 0, line
        elif name == "sweep":
            assert sweep.read_words(rest, STUDIES), line
        elif name in studies:
            assert read_flags(studies[name], rest).settings, line
        else:
            assert name in OTHERS, line
