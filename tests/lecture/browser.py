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

    def measure(self, name: str, *arguments: object, of: str = "body") -> list[str]:
        """What a measure of measures.js finds wrong under the first element that a selector finds."""
        call = "([name, selector, given]) => measures[name](document.querySelector(selector), ...given)"
        return self.page.evaluate(call, [name, of, list(arguments)])


@contextmanager
def opened(browser: Browser, file: Path, size: tuple[int, int], query: str = "") -> Iterator[Visit]:
    """A file of this machine, opened in a window of a size, without a network."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]})
    visit = Visit(context.new_page())

    def block(route: Route) -> None:
        visit.blocked.append(route.request.url)
        route.abort()

    context.route(_NOT_LOCAL, block)
    visit.page.on("requestfailed", lambda request: visit.failed.append(request.url[:200]))
    visit.page.on("pageerror", lambda error: visit.errors.append(str(error)))
    visit.page.on(
        "console", lambda message: visit.errors.append(message.text) if message.type in ("error", "warning") else None
    )
    visit.page.goto(file.resolve().as_uri() + query, timeout=OPENING_MS)
    visit.page.evaluate(f"(() => {{ {_MEASURES.read_text(encoding='utf-8')}\nwindow.measures = measures; }})()")
    yield visit
    context.close()
