"""The built site: it builds strictly, links and anchors resolve, and it needs no other server."""

import importlib
import inspect
import re
import zlib
from collections import Counter
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlparse

import pytest
import yaml
from bs4 import BeautifulSoup

ROOT = Path(__file__).parents[1]
REPOSITORY = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["repo_url"]

pytestmark = [pytest.mark.slow, pytest.mark.command]  # the gate runs them beside the notebooks


@pytest.fixture(scope="module")
def pages(built_site):
    """The parsed pages by their address, as in `/how_to/recall/`."""
    return {
        "/" + path.relative_to(built_site).as_posix().removesuffix("index.html"): BeautifulSoup(
            path.read_text(), "html.parser"
        )
        for path in sorted(built_site.rglob("*.html"))
    }


def links_of(soup):
    """The addresses that a page leads to or loads."""
    pairs = [("a", "href"), ("link", "href"), ("img", "src"), ("script", "src"), ("source", "src")]
    return [tag[key] for name, key in pairs for tag in soup.find_all(name) if tag.get(key)]


def test_links_and_anchors_resolve(built_site, pages):
    anchors = {
        address: {tag[key] for key in ("id", "name") for tag in soup.find_all(attrs={key: True})}
        for address, soup in pages.items()
    }
    lost = []
    for address, soup in pages.items():
        if address == "/404.html":
            continue
        for link in links_of(soup):
            target, anchor = urldefrag(urljoin(f"http://site{address}", link))
            if urlparse(target).netloc != "site":
                continue
            path = unquote(urlparse(target).path)
            there = path in pages or (built_site / path.lstrip("/")).is_file()
            if not there or (anchor and path in pages and unquote(anchor) not in anchors[path]):
                lost.append(f"{address}: {link}")
    assert not lost


def test_links_to_the_repository_lead_to_files_of_it(pages):
    links = {link for soup in pages.values() for link in links_of(soup)}
    colab = REPOSITORY.replace("https://github.com", "https://colab.research.google.com/github")
    paths = {
        urldefrag(link)[0].removeprefix(f"{start}/blob/main/")
        for link in links
        for start in (REPOSITORY, colab)
        if link.startswith(f"{start}/blob/main/")
    }
    assert len(paths) > 10
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []


def test_nothing_is_loaded_from_other_servers(pages):
    """Pages work without a network, and tell nobody who reads them."""
    loaded = {
        tag[key]
        for soup in pages.values()
        for name, key in (("link", "href"), ("img", "src"), ("script", "src"), ("iframe", "src"))
        for tag in soup.find_all(name)
        if tag.get(key) and "canonical" not in tag.get("rel", [])
    }
    assert [link for link in loaded if urlparse(link).netloc] == []
    scripts = " ".join(
        script.get_text() for soup in pages.values() for script in soup.find_all("script")
    )
    assert not re.search(r"(?:cdn|unpkg|googleapis)", scripts)


def test_pictures_say_what_they_show(pages):
    silent = [
        f"{address}: {image.get('src')}"
        for address, soup in pages.items()
        for image in soup.find_all("img")
        if len(image.get("alt", "")) < 10
    ]
    assert silent == []


def test_no_id_is_given_twice(pages):
    twice = {
        address: [name for name, count in Counter(names).items() if count > 1]
        for address, soup in pages.items()
        if (names := [tag["id"] for tag in soup.find_all(attrs={"id": True})])
    }
    assert {address: names for address, names in twice.items() if names} == {}


def test_equations_are_typeset(pages):
    """No page shows TeX as text, and some pages have equations."""
    assert sum(len(soup.find_all("math")) for soup in pages.values()) > 10
    for address, soup in pages.items():
        for tag in soup.find_all(["code", "pre", "annotation", "script", "style"]):
            tag.extract()
        assert not re.search(r"\\\(|\\\[|\\frac|\$\$", soup.get_text()), address


def public_names(path):
    """Full names of all that a public module has: its names, and fields and methods of classes."""
    module = importlib.import_module(path)
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.ismodule(value):
            yield from public_names(f"{path}.{name}")
            continue
        yield f"{path}.{name}"
        for base in getattr(value, "__mro__", ()):
            if base.__module__.startswith("nam_jax."):
                members = {*vars(base), *vars(base).get("__annotations__", ())}
                yield from (f"{path}.{name}.{member}" for member in members if member[0] != "_")


def test_every_public_name_and_member_has_an_entry(built_site):
    """The inventory, by which other sites lead here, is four lines and the names, compressed."""
    *_, names = (built_site / "objects.inv").read_bytes().split(b"\n", 4)
    inventory = {line.split()[0] for line in zlib.decompress(names).decode().splitlines()}
    expected = set(public_names("nam_jax"))
    assert len(expected) > 1500
    assert sorted(expected - inventory) == []


def test_the_api_names_no_private_class(pages):
    """Members are led to where they are explained, so bases that nobody can look up are a fault."""
    for address, soup in pages.items():
        if not address.startswith("/api/"):
            continue
        lines = soup.select(".doc-explained, .doc-class-bases")
        unlinked = [code.get_text() for line in lines for code in line.find_all("code")
                    if not code.find("a")]  # fmt: skip
        assert unlinked == [], address
