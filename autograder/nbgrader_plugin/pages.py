"""How a student's text becomes HTML in nbgrader's pages: nothing of it can act in a reader's browser, or hold up the page.

nbgrader's own pages show markdown as it comes, and the instructor who reads them is logged in to formgrader.
"""

from __future__ import annotations

import re
from html import escape
from typing import Any
from urllib.parse import unquote

import bleach
from jinja2 import pass_context
from nbconvert.filters.ansi import ansi2html, strip_ansi
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from autograder.nbgrader_plugin.submitted_notebook import SHOWN_IMAGES, plain_pictures

TAGS = {
    *bleach.ALLOWED_TAGS,
    *("br", "del", "div", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "img", "p", "pre", "s", "span", "sub", "sup"),
    *("table", "tbody", "td", "tfoot", "th", "thead", "tr", "u"),
}
ATTRIBUTES = {("img", "alt"), ("img", "width"), ("img", "height"), ("span", "class"), ("ol", "start")}
PICTURES = ("data:image/png;base64,", "data:image/jpeg;base64,")
MAX_MARKDOWN = 50_000
"""Characters. The renderer's time grows faster than its text."""
MAX_COLOURS = 2000
"""Changes of colour in a text from a terminal: nbconvert copies the rest of the text at each."""


class Renderer(IPythonRenderer):
    """nbconvert's, which gives up the whole cell where one attachment is not to be had."""

    def image(self, text: str, url: str, title: str | None = None) -> str:
        try:
            shown = self._picture(url)
        except KeyError:
            return f"<em>[the picture “{escape(unquote(url.removeprefix(ATTACHMENT))[:100])}” cannot be shown]</em>"
        # Past the parent's own, which would look the attachment up once more.
        return super(IPythonRenderer, self).image(text, shown, title)

    def inline_html(self, html: str) -> str:
        return super().inline_html(self._with_pictures(html))

    def block_html(self, html: str) -> str:
        return super().block_html(self._with_pictures(html))

    def _picture(self, url: str) -> str:
        """The picture itself in place of the name of an attachment, which may be percent-encoded. KeyError: there is none."""
        if not url.startswith(ATTACHMENT):
            return url
        name = url.removeprefix(ATTACHMENT)
        data = self.attachments.get(name) or self.attachments[unquote(name)]
        kind = next(kind for kind in SHOWN_IMAGES if kind in data)
        return f"data:{kind};base64,{data[kind]}"

    def _with_pictures(self, html: str) -> str:
        def picture(found: re.Match[str]) -> str:
            try:
                return found[1] + self._picture(found[2]) + found[3]
            except KeyError:
                return found[0]

        return IMAGE_OF_ATTACHMENT.sub(picture, html)


ATTACHMENT = "attachment:"
IMAGE_OF_ATTACHMENT = re.compile(r"""(<img\b[^<>]{0,500}?\bsrc=["'])(attachment:[^"'<>]{1,200})(["'])""", re.IGNORECASE)

TABLE = '<table class="table table-condensed" style="width: auto">'
"""How a table begins: nbgrader's pages space the columns of those with a class only."""


@pass_context
def markdown(context: Any, source: str) -> str:
    """Markdown as HTML with harmless tags only. What the renderer cannot take is shown as it was written."""
    pictures = plain_pictures(context.get("cell", {}).get("attachments"))
    if len(source) > MAX_MARKDOWN:
        return f"<pre>{escape(source)}</pre>"
    renderer = Renderer(escape=False, attachments=pictures, exclude_anchor_links=True)
    try:
        page = MarkdownWithMath(renderer=renderer).render(source)
    except Exception:
        return f"<pre>{escape(source)}</pre>"
    harmless = bleach.clean(page, tags=TAGS, attributes=_allowed, protocols={"http", "https", "mailto", "data"})
    return harmless.replace("<table>", TABLE)


def terminal_text(text: str) -> str:
    """Text with a terminal's colours as HTML; without them where there are too many, or some that are none."""
    if text.count("\x1b") > MAX_COLOURS:
        text = strip_ansi(text)
    try:
        return ansi2html(text)
    except Exception:  # nbconvert takes a colour for complete that is not
        return escape(strip_ansi(text))


def _allowed(tag: str, name: str, value: str) -> bool:
    if (tag, name) == ("img", "src"):
        return value.startswith(PICTURES)
    if name == "href":
        return not value.strip().lower().startswith("data:")
    return (tag, name) in ATTRIBUTES or name == "title"
