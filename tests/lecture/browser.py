"""Pages in a headless Chromium without a network: what they ask for is recorded, and nothing is answered but files."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="the tests in a browser need Playwright: pip install playwright")

from playwright.sync_api import Browser, Page, Route, sync_playwright

SIZES = {"1280x720": (1280, 720), "1920x1080": (1920, 1080)}  # of the projectors that the pages are made for
LEAST_TEXT_PX = 18
LEAST_MAP_PX = 300  # at 1280 x 720
PAGE_PX = 953  # what a page of the lecture leaves for a picture there
LEAST_CONTRAST = 4.5
TYPEFACES = {"Source Sans 3", "Source Code Pro", "STIX Two Math"}  # text, code, equations
OPENING_MS = 180_000  # a page of 20 MB, on a machine with other work

_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",  # a camera that shows a pattern, and needs no permission
    "--use-fake-ui-for-media-stream",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)
_MEASURES = Path(__file__).with_name("measures.js")
_NOT_LOCAL = re.compile(r"^(?!file:|data:|blob:|about:)")


_CHROMIUM = next(filter(None, map(shutil.which, _NAMES)), None)
if _CHROMIUM is None:
    pytest.skip(
        "the tests in a browser need Chromium: apt-get install chromium, or Chrome from google.com/chrome",
        allow_module_level=True,
    )


LOCAL_SERVER = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
"""With this flag a server on this machine is reached, and nothing beyond it."""


@contextmanager
def launched(*flags: str) -> Iterator[Browser]:
    """The Chromium of this machine, headless; it resolves no name, unless a flag says otherwise."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=[*_FLAGS, *flags])
        yield browser
        browser.close()


@contextmanager
def launched_beside(browser: Browser, *flags: str) -> Iterator[Browser]:
    """One more, while another runs."""
    other = browser.browser_type.launch(executable_path=_CHROMIUM, args=[*_FLAGS, *flags])
    yield other
    other.close()


@dataclass
class Visit:
    """A page that is open, and what went wrong while it was: filled in as it happens.

    Attributes:
        page: the page, with `measures` (see measures.js) defined in it.
        blocked: addresses that it asked for and that are not files.
        failed: addresses that it asked for and did not get.
        errors: errors and warnings in its console, and exceptions that nothing caught.
    """

    page: Page
    blocked: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def open(self, file: Path, query: str = "") -> None:
        """A file of this machine, in the same window; what went wrong before is kept."""
        self.page.goto(file.resolve().as_uri() + query, timeout=OPENING_MS)

    def typefaces(self) -> set[str]:
        """The families that the browser sets the page's text in, shown or not; one that is not in the page is marked.

        Of each family, weight and style a probe has all signs that occur in it, each sign of an equation one of its own.
        """
        self.page.evaluate("() => measures.typefaceProbes()")
        session = self.page.context.new_cdp_session(self.page)
        session.send("DOM.enable")
        session.send("CSS.enable")
        root = session.send("DOM.getDocument", {"depth": 0})["root"]["nodeId"]
        probes = session.send("DOM.querySelectorAll", {"nodeId": root, "selector": "[data-probe]"})["nodeIds"]
        found = set()
        for node in probes:
            for font in session.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]:
                if font["isCustomFont"]:  # a weight stands behind the family's name
                    found.add(next(filter(font["familyName"].startswith, TYPEFACES), font["familyName"]))
                else:
                    probe = session.send("DOM.getOuterHTML", {"nodeId": node})["outerHTML"]
                    found.add(f"{font['familyName']} of this machine, in {probe}")
        session.detach()
        self.page.evaluate("() => document.querySelector('#probes').remove()")
        return found

    def measure(self, name: str, *arguments: object, of: str = "body") -> list[str]:
        """What a measure of measures.js finds wrong under the first element that a selector finds."""
        call = "([name, selector, given]) => measures[name](document.querySelector(selector), ...given)"
        return self.page.evaluate(call, [name, of, list(arguments)])


@contextmanager
def opened(browser: Browser, file: Path, size: tuple[int, int], query: str = "") -> Iterator[Visit]:
    """A file of this machine, opened in a window of a size, without a network."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]})
    visit = Visit(context.new_page())
    visit.page.add_init_script(f"{_MEASURES.read_text(encoding='utf-8')}\nwindow.measures = measures;")

    def block(route: Route) -> None:
        visit.blocked.append(route.request.url)
        route.abort()

    context.route(_NOT_LOCAL, block)
    visit.page.on("requestfailed", lambda request: visit.failed.append(request.url[:200]))
    visit.page.on("pageerror", lambda error: visit.errors.append(str(error)))
    visit.page.on(
        "console", lambda message: visit.errors.append(message.text) if message.type in ("error", "warning") else None
    )
    visit.open(file, query)
    yield visit
    context.close()
