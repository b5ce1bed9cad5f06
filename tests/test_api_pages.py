"""The sources of the API pages list every public name once."""

import importlib
import inspect
import re
from collections import Counter
from pathlib import Path

import pytest
import yaml

import nam_jax

FOLDER = Path(__file__).parents[1] / "docs" / "api"
BLOCK = re.compile(r"^::: ([\w.]+)\n((?: {4}.*\n?|\n(?= {4}))*)", re.MULTILINE)

pytestmark = pytest.mark.command


def listed():
    """The names that blocks of the pages show, by module, and the page of each module."""
    names, pages = {}, {}
    for page in sorted(FOLDER.glob("*.md")):
        text = page.read_text()
        assert text.count(":::") == len(BLOCK.findall(text))
        for module, options in BLOCK.findall(text):
            members = yaml.safe_load(options)["options"]["members"]
            names.setdefault(module, []).extend(members)
            pages.setdefault(module, set()).add(page.stem)
    return names, pages


def public(module):
    """Public names of a module and of those of its public modules that are rooms inside it."""
    names = {module: []}
    for name in importlib.import_module(module).__all__:
        value = getattr(importlib.import_module(module), name)
        if inspect.ismodule(value):
            names |= public(f"{module}.{name}")
        else:
            names[module].append(name)
    return names


def test_every_public_name_is_listed_once():
    names, _ = listed()
    expected = public("nam_jax")
    assert sum(map(len, expected.values())) > 250
    missing = {
        module: sorted(set(expected[module]) - set(names.get(module, ()))) for module in expected
    }
    assert {module: lacking for module, lacking in missing.items() if lacking} == {}
    unknown = {module: sorted(set(names[module]) - set(expected[module])) for module in names}
    assert {module: extra for module, extra in unknown.items() if extra} == {}
    twice = {
        name for given in names.values() for name, count in Counter(given).items() if count > 1
    }
    assert twice == set()


def test_each_room_has_a_page_and_a_row_in_the_list_of_rooms():
    _, pages = listed()
    rooms = [name for name in nam_jax.__all__ if inspect.ismodule(getattr(nam_jax, name))]
    for room in rooms:
        assert pages[f"nam_jax.{room}"] == {room}
    rows = re.findall(
        r"^\| \[`nam\.(\w+)`\]\((\w+)\.md\) \|", (FOLDER / "index.md").read_text(), re.M
    )
    assert sorted(rows) == [(room, room) for room in sorted(rooms)]
