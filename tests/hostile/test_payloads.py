"""A hundred known payloads in a student's text, opened in Chromium: none runs, none asks for anything."""

from autograder.nbgrader_plugin.pages import markdown, terminal_text
from tests.hostile.payloads import MARK, PAYLOADS
from tests.lecture.browser import launched


def test_there_are_a_hundred_payloads():
    assert len(set(PAYLOADS)) >= 100


def test_no_payload_runs_or_asks_for_anything(tmp_path):
    """Each as markdown, inline and as a block, and as text from a terminal, opened in Chromium."""
    body = "".join(
        f"<section>{markdown({}, payload)}{markdown({}, f'text {payload} text')}<pre>{terminal_text(payload)}</pre></section>"
        for payload in PAYLOADS
    )
    path = tmp_path / "page.html"
    path.write_text(f"<!DOCTYPE html><meta charset='utf-8'><body>{body}<p id='end'>the end</p></body>")
    with launched() as browser:
        tab = browser.new_page()
        asked, dialogs = [], []
        tab.on("request", lambda request: asked.append(request.url))
        tab.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
        tab.goto(path.as_uri())
        for image in tab.query_selector_all("img, a, details, video, input"):
            image.dispatch_event("error")
            image.dispatch_event("mouseover")
            image.dispatch_event("focus")
        tab.wait_for_timeout(500)
        assert tab.inner_text("#end") == "the end"
        assert tab.evaluate(f"typeof window.{MARK}") == "undefined"
        assert (
            tab.query_selector_all("script, iframe, object, embed, form, style, link, meta[http-equiv], base, svg")
            == []
        )
        hrefs = tab.evaluate("[...document.querySelectorAll('a[href]')].map(a => [a.protocol, a.getAttribute('href')])")
    assert [url for url in asked if not url.startswith(("file:", "data:image/"))] == []
    assert asked.count(path.as_uri()) == 1 and not dialogs
    wanted = ("http:", "https:", "mailto:", "file:")  # the last where a link is relative to the page
    assert not [href for scheme, href in hrefs if scheme not in wanted or href.strip().lower().startswith("file:")]
