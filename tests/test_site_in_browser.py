"""The site in Chromium: accessible by the rules of axe-core, and fit for a phone.

Runs where there are Chromium, Playwright and axe-core; skipped by name elsewhere:

    npm install --no-save axe-core
    uv run --group browser pytest -n 0 -m slow tests/test_site_in_browser.py
"""

import functools
import http.server
import shutil
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}

pytestmark = pytest.mark.slow


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def address(built_site):
    """Where the built site is served, on this machine only."""
    serve = functools.partial(Quiet, directory=str(built_site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def addresses(address, built_site):
    pages = sorted(built_site.rglob("index.html"))
    return [f"{address}/{page.relative_to(built_site).parent.as_posix()}/" for page in pages]


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    if CHROMIUM is None:
        pytest.skip("needs Chromium")
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_has_no_serious_finding(browser, addresses, scheme):
    if not AXE.exists():
        pytest.skip("needs axe-core: npm install --no-save axe-core")
    page = browser.new_page(viewport=DESKTOP, color_scheme=scheme)
    serious = []
    for address in addresses:
        page.goto(address)
        page.add_script_tag(path=str(AXE))
        findings = page.evaluate("axe.run().then(result => result.violations)")
        serious += [
            f"{address}: {rule['id']}: {rule['help']}: {rule['nodes'][0]['html'][:200]}"
            for rule in findings
            if rule["impact"] in ("serious", "critical")
        ]
    assert not serious, "\n".join(serious)


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_no_page_is_wider_than_the_screen_or_reports_an_error(browser, addresses, size):
    page = browser.new_page(viewport=size)
    errors, wide = [], []
    page.on("pageerror", lambda error: errors.append(f"{page.url}: {error}"))
    page.on("requestfailed", lambda request: _note_failure(request, errors))
    for address in addresses:
        page.goto(address)
        if page.evaluate("document.documentElement.scrollWidth") > size["width"]:
            wide.append(address)
    assert (errors, wide) == ([], [])


def _note_failure(request, errors):
    """A request fails too when the browser leaves a page that still loads; that is no error."""
    if request.failure != "net::ERR_ABORTED":
        errors.append(f"{request.url}: {request.failure}")
