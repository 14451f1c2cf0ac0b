"""How a student's markdown becomes HTML in nbgrader's pages: nothing of it can act in a reader's browser.

nbgrader's own pages show markdown as it comes, and the instructor who reads them is logged in to formgrader.
"""

from __future__ import annotations

from html import escape
from typing import Any

import bleach
from jinja2 import pass_context
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from autograder.nbgrader_plugin.submitted_notebook import plain_pictures

TAGS = {
    *bleach.ALLOWED_TAGS,
    *("br", "del", "div", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "img", "p", "pre", "s", "span", "sub", "sup"),
    *("table", "tbody", "td", "tfoot", "th", "thead", "tr", "u"),
}
ATTRIBUTES = {("img", "alt"), ("img", "width"), ("img", "height"), ("span", "class"), ("ol", "start")}
PICTURES = ("data:image/png;base64,", "data:image/jpeg;base64,")

TABLE = '<table class="table table-condensed" style="width: auto">'
"""How a table begins: nbgrader's pages space the columns of those with a class only."""


@pass_context
def markdown(context: Any, source: str) -> str:
    """Markdown as HTML with harmless tags only. What the renderer cannot take is shown as it was written."""
    pictures = plain_pictures(context.get("cell", {}).get("attachments"))
    renderer = IPythonRenderer(escape=False, attachments=pictures, exclude_anchor_links=True)
    try:
        page = MarkdownWithMath(renderer=renderer).render(source)
    except Exception:
        return f"<pre>{escape(source)}</pre>"
    harmless = bleach.clean(page, tags=TAGS, attributes=_allowed, protocols={"http", "https", "mailto", "data"})
    return harmless.replace("<table>", TABLE)


def _allowed(tag: str, name: str, value: str) -> bool:
    if (tag, name) == ("img", "src"):
        return value.startswith(PICTURES)
    if name == "href":
        return not value.strip().lower().startswith("data:")
    return (tag, name) in ATTRIBUTES or name == "title"
